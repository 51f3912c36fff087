"""Does a capture agree with itself? What is wrong with it, and what to do about it.

Every frame says where surfaces are. Seen from another frame they must be where that one says they
are: of all tests of a capture this is the one that needs nothing but the capture. See
:func:`~crossvox.capture.doctor.diagnose.diagnose`.
"""
