#!/usr/bin/env bash
# Packages: three 0.187.0 (npm), with Node.js 20
# One would swear: a cloud with colours of one byte that `PLYLoader` reads has 256 shades of grey:
#   the bytes of the file or, as three.js works in linear light, floats made of them.
# What happens: they are made linear and rounded to bytes again. 183 shades are left: 0 to 6 are
#   black, 7 to 17 are all 1, and of the 64 darkest 14 remain. Saved again by `PLYExporter` the file
#   has floats from 0 to 1 instead of bytes, in 183 steps, the lost ones up to 6 of 255 off. Colours
#   of an OBJ or of a PCD file, and of a PLY file of floats, keep all 256.
# Why it matters here: clouds and meshes of scans have a colour of bytes a vertex. What lies under
#   a table or in the shade of a dim room becomes flat patches, which look like a bad exposure; an
#   object number stored in a grey value becomes another one.
# Seen: 2026-11-30, Node.js 20.20.2, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --no-update-notifier three@0.187.0
cat >look.mjs <<'JS'
import { Points } from "three";
import { PLYExporter } from "three/addons/exporters/PLYExporter.js";
import { OBJLoader } from "three/addons/loaders/OBJLoader.js";
import { PCDLoader } from "three/addons/loaders/PCDLoader.js";
import { PLYLoader } from "three/addons/loaders/PLYLoader.js";

const bytes = Array.from({ length: 256 }, (_, byte) => byte);
const ply = (type, scale) =>
  `ply\nformat ascii 1.0\nelement vertex 256\n` +
  ["float x", "float y", "float z", `${type} red`, `${type} green`, `${type} blue`]
    .map((property) => `property ${property}\n`)
    .join("") +
  `end_header\n` +
  bytes.map((b) => `${b} 0 0 ${b * scale} ${b * scale} ${b * scale}\n`).join("");
const obj =
  bytes.map((b) => `v ${b} 0 0 ${b / 255} ${b / 255} ${b / 255}\n`).join("") +
  bytes.map((b) => `p ${b + 1}\n`).join("");
const pcd =
  "VERSION .7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F U\nCOUNT 1 1 1 1\nWIDTH 256\n" +
  "HEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 256\nDATA ascii\n" +
  bytes.map((b) => `${b} 0 0 ${b * 0x010101}\n`).join("");
const shades = (values) => new Set(values).size;

function reds(name, geometry) {
  const { color } = geometry.attributes;
  const values = Array.from({ length: color.count }, (_, i) => color.getX(i));
  console.log(`Seen: ${name}: ${shades(values)} shades, ${shades(values.slice(0, 64))} of 64 dark`);
  return values;
}

console.log("Expected: 256 shades of 256 by each loader");
const read = new PLYLoader().parse(ply("uchar", 1));
const linear = reds("PLY of bytes", read);
const others = [
  reds("PLY of floats", new PLYLoader().parse(ply("float", 1 / 255))),
  reds("PCD", new PCDLoader().parse(new TextEncoder().encode(pcd).buffer).geometry),
  reds("OBJ", new OBJLoader().parse(obj).children[0].geometry),
];
const levels = linear.map((value) => Math.round(value * 255));
const black = levels.filter((level) => level === 0).length;
console.log(`Seen: bytes 0 to ${black - 1} are black, bytes up to ${levels.lastIndexOf(1)} are 1`);
const saved = new PLYExporter().parse(new Points(read), undefined, {});
const type = saved.match(/property (\w+) red/)[1];
const again = saved
  .split("end_header\n")[1]
  .trim()
  .split("\n")
  .map((line) => 255 * Number(line.split(" ")[3]));
const worst = Math.max(...again.map((value, byte) => Math.abs(value - byte)));
console.log(`Seen: saved again: ${type}, ${shades(again)} shades, up to ${worst.toFixed(1)} off`);

const held =
  shades(linear) === 183 &&
  others.every((values) => shades(values) === 256) &&
  shades(linear.slice(0, 64)) === 14 &&
  black === 7 &&
  levels.lastIndexOf(1) === 17 &&
  type === "float" &&
  shades(again) === 183 &&
  Math.abs(worst - 6) < 0.5;
console.log(held ? "The finding holds." : "CHANGED: the finding no longer holds.");
process.exit(held ? 0 : 1);
JS
node look.mjs
