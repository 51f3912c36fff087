#!/usr/bin/env bash
# Packages: three 0.187.0 (npm), with Node.js 20
# One would swear: a mesh that three.js draws, picks and exports faces the same way in all three. A
#   mirrored one (a scale of -1) is seen and hit from outside as it should be.
# What happens: `STLExporter`, `PLYExporter` and `OBJExporter` apply the mirror to the vertices and
#   leave the order of each triangle as it was: the file is inside out. A closed box of 30 cubic
#   metres has a volume of -30. The normals beside the triangles of an OBJ file look outwards, those
#   in STL inwards with the triangles. With two mirrored axes, which are a turn, all is right.
# Why it matters here: a scale of -1 is how a scan of a left-handed program (Unity, a depth image
#   with y down) is put upright in a viewer. What is exported there looks right there; signed
#   distances, volumes and views with hidden back faces of it are turned over.
# Seen: 2026-11-30, Node.js 20.20.2, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --no-update-notifier three@0.187.0
cat >look.mjs <<'JS'
import { BoxGeometry, Mesh, MeshBasicMaterial, Raycaster, Vector3 } from "three";
import { OBJExporter } from "three/addons/exporters/OBJExporter.js";
import { PLYExporter } from "three/addons/exporters/PLYExporter.js";
import { STLExporter } from "three/addons/exporters/STLExporter.js";

const numbers = (line) => line.match(/-?\d+(\.\d+)?(e-?\d+)?/g).map(Number);
const lines = (text, start) => text.split("\n").filter((line) => line.trim().startsWith(start));

/** Triangles (three points each) of the text of a file. */
const readers = {
  STL: (text) => {
    const points = lines(text, "vertex").map(numbers);
    return Array.from({ length: points.length / 3 }, (_, i) => points.slice(3 * i, 3 * i + 3));
  },
  OBJ: (text) => {
    const points = lines(text, "v ").map(numbers);
    return lines(text, "f ").map((line) =>
      line
        .split(" ")
        .slice(1)
        .map((corner) => points[parseInt(corner) - 1]),
    );
  },
  PLY: (text) => {
    const rows = text.split("end_header\n")[1].trim().split("\n").map(numbers);
    const count = Number(text.match(/element vertex (\d+)/)[1]);
    return rows.slice(count).map((row) => row.slice(1).map((i) => rows[i].slice(0, 3)));
  },
};

/** Volume in cubic metres: positive where triangles are counterclockwise from outside. */
function volume(triangles) {
  const corners = triangles.map((points) => points.map((point) => new Vector3(...point)));
  return corners.reduce((sum, [a, b, c]) => sum + a.dot(b.clone().cross(c)) / 6, 0);
}

let held = true;
for (const scale of [
  [1, 1, 1],
  [-1, -1, 1],
  [-1, 1, 1],
]) {
  const box = new Mesh(new BoxGeometry(4, 3, 2.5), new MeshBasicMaterial());
  box.scale.set(...scale);
  box.updateMatrixWorld(true);
  const mirrored = scale[0] * scale[1] * scale[2] < 0;
  const ray = new Raycaster(new Vector3(10, 0.1, 0.2), new Vector3(-1, 0, 0));
  const hits = ray.intersectObject(box).map((hit) => hit.distance);
  console.log(`Expected: scale ${scale}: the volume is 30 in each file`);
  console.log(`Seen: a ray from outside hits front faces alone, at ${hits} m`);
  held &&= hits.length === 1 && hits[0] === 8;
  const files = {
    STL: new STLExporter().parse(box),
    PLY: new PLYExporter().parse(box, undefined, {}),
    OBJ: new OBJExporter().parse(box),
  };
  for (const [name, text] of Object.entries(files)) {
    const found = volume(readers[name](text));
    console.log(`Seen: ${name}: ${found.toFixed(1)}`);
    held &&= Math.abs(found - (mirrored ? -30 : 30)) < 0.01;
  }
}
console.log(held ? "The finding holds." : "CHANGED: the finding no longer holds.");
process.exit(held ? 0 : 1);
JS
node look.mjs
