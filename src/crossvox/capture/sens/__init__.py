"""ScanNet's ``.sens`` container, version 4: streaming reader with random access, and writer.

Little endian, packed. Header: ``u32 version; u64 n; n bytes sensor name; f32[4][4]`` colour
intrinsic, colour extrinsic, depth intrinsic, depth extrinsic; ``i32`` colour compression,
``i32`` depth compression; ``u32`` colour width, height, depth width, height; ``f32`` depth shift
(units per metre); ``u64`` frame count. Frame: ``f32[4][4]`` camera-to-world; ``u64`` colour time,
depth time, colour bytes, depth bytes; the two blobs. Then ``u64`` IMU count and the IMU records
(128 bytes each), which may be absent. After the format's public description (ScanNet, SensReader).
"""
