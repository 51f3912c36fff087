#!/usr/bin/env bash
# Packages: @playcanvas/splat-transform 2.7.1
# One would swear: a converter of Gaussian splats that stores places in steps of a quarter of a
#   millimetre keeps them to a quarter of a millimetre, or says that it cannot.
# What happens: in SPZ what lies 2048 m or more from the origin along an axis comes back 4096 m
#   nearer, again and again: a room at 5000 m is at 904 m, at -2500 m it is at 1596 m. Nothing is
#   said. The compressed PLY of the same program keeps the places.
# Why it matters here: scans of buildings are placed by GNSS, in national or UTM coordinates, always
#   farther than 2 km. A scan across such a line is torn in two, one 4 km from the other; one on a
#   single side of it is whole and elsewhere.
# Seen: 2026-11-30, Node.js 20.20.2, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --no-update-notifier @playcanvas/splat-transform@2.7.1
cat >look.mjs <<'JS'
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"].concat(
  ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"],
);
const SPREAD_M = [-0.5, 0, 0.5];

/** A PLY of three splats of 2 cm around (x, 2, 1). */
const write = (path, x) => {
  const header = [
    "ply\nformat binary_little_endian 1.0",
    `element vertex ${SPREAD_M.length}`,
    ...names.map((name) => `property float ${name}`),
    "end_header\n",
  ].join("\n");
  const rows = SPREAD_M.map((by) => [x + by, 2, 1, 0, 0, 0, 2, -4, -4, -4, 1, 0, 0, 0]).flat();
  const numbers = Buffer.from(Float32Array.from(rows).buffer);
  writeFileSync(path, Buffer.concat([Buffer.from(header), numbers]));
};

/** The middle one of three places along x in a PLY. */
const read = (path) => {
  const data = readFileSync(path);
  const start = data.indexOf("end_header\n") + "end_header\n".length;
  const columns = data.subarray(0, start).toString().match(/property float/g).length;
  const places = SPREAD_M.map((_, i) => data.readFloatLE(start + 4 * columns * i));
  return places.sort((a, b) => a - b)[1];
};

const convert = (from, to) =>
  execFileSync("node_modules/.bin/splat-transform", ["-w", from, to], { stdio: "pipe" }).toString();
let held = true;
for (const [x, wrapped] of [
  [1.5, 1.5],
  [2047, 2047],
  [2049, -2047],
  [5000, 904],
  [-2500, 1596],
]) {
  write("in.ply", x);
  const found = ["compressed.ply", "spz"].map((format) => {
    convert("in.ply", `in.${format}`);
    convert(`in.${format}`, "back.ply");
    return read("back.ply");
  });
  console.log(`Expected: by either format: ${x} m`);
  console.log(`Seen: by compressed PLY ${found[0].toFixed(3)} m, by SPZ ${found[1].toFixed(3)} m`);
  held &&= Math.abs(found[0] - x) < 0.002 && Math.abs(found[1] - wrapped) < 0.002;
}
console.log(held ? "The finding holds." : "CHANGED: the finding no longer holds.");
process.exit(held ? 0 : 1);
JS
node look.mjs
