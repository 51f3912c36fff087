/* The picture: triangles of one layer, lines, frames of the capture. */
var MESH = ["#version 300 es\nin vec4 place; in vec4 color; uniform mat4 camera; uniform vec3 low, span; uniform float top;" +
  "uniform highp sampler2D shown; out vec3 tint; flat out float label;" +
  "void main() { label = floor(color.a * 255. + .5); tint = min(color.rgb * place.w * 1.7 * 1.05, 1.);" +
  "vec3 at = low + place.xyz * span; at.z = min(at.z, top);" +
  "gl_Position = texelFetch(shown, ivec2(int(label), 0), 0).r < .5 ? vec4(2., 2., 2., 1.) : camera * vec4(at, 1.); }",
  "#version 300 es\nprecision mediump float; in vec3 tint; flat in float label; uniform float hatch; uniform vec3 stripe; out vec4 made;" +
  "void main() { vec3 c = tint; if (hatch > .5 && label < .5 && mod(floor((gl_FragCoord.x + gl_FragCoord.y) / hatch), 2.) > .5) c = stripe; made = vec4(c, 1.); }"];
var LINE = ["#version 300 es\nin vec3 begin, end; in vec4 color; uniform mat4 camera; uniform vec2 size; uniform float width, fade; out vec4 tint;" +
  "void main() { vec4 a = camera * vec4(begin, 1.), b = camera * vec4(end, 1.); const float near = .03; tint = vec4(color.rgb, color.a * fade);" +
  "if (a.w < near && b.w < near) { gl_Position = vec4(2., 2., 2., 1.); return; }" +
  "if (a.w < near) a = mix(b, a, (b.w - near) / (b.w - a.w)); if (b.w < near) b = mix(a, b, (a.w - near) / (a.w - b.w));" +
  "vec2 d = (b.xy / b.w - a.xy / a.w) * size; float l = length(d); d = l > 1e-4 ? d / l : vec2(1., 0.);" +
  "vec4 at = (gl_VertexID & 1) == 0 ? a : b; float s = (gl_VertexID & 2) == 0 ? width : -width;" +
  "gl_Position = vec4(at.xy + vec2(-d.y, d.x) * s / size * at.w, at.z - 2e-4 * at.w, at.w); }",
  "#version 300 es\nprecision mediump float; in vec4 tint; out vec4 made; void main() { made = vec4(tint.rgb * tint.a, tint.a); }"];
var PHOTO = ["#version 300 es\nin vec3 place; in vec2 uv; uniform mat4 camera; out vec2 at; void main() { at = uv; gl_Position = camera * vec4(place, 1.); }",
  "#version 300 es\nprecision mediump float; in vec2 at; uniform sampler2D image; out vec4 made; void main() { made = vec4(texture(image, at).rgb, 1.); }"];

function program(gl, texts) {
  var made = gl.createProgram();
  [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach(function (kind, i) {
    var shader = gl.createShader(kind);
    gl.shaderSource(shader, texts[i]);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  });
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) || "no program");
  var at = {};
  return { use: function () { gl.useProgram(made); },
    uniform: function (name) { return name in at ? at[name] : (at[name] = gl.getUniformLocation(made, name)); },
    attribute: function (name) { return gl.getAttribLocation(made, name); } };
}

function drawing(canvas) {
  var gl = canvas.getContext("webgl2", { antialias: true, alpha: false });
  if (!gl) return null;
  var mesh = program(gl, MESH), line = program(gl, LINE), photo = program(gl, PHOTO);
  var shown = new Uint8Array(256).fill(255), mask = gl.createTexture(), layers = [], drawn = {};
  gl.bindTexture(gl.TEXTURE_2D, mask);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  function field(of, name, size, kind, normal, stride, offset, each) {
    var at = of.attribute(name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, normal, stride, offset);
    gl.vertexAttribDivisor(at, each || 0);
  }
  function buffer(values) {
    var made = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    return made;
  }
  function prepared(number) {
    if (layers[number]) return layers[number];
    var layer = record.layers[number], surface = record.surfaces[layer.surface], array = gl.createVertexArray();
    if (!surface.buffer) surface.buffer = buffer(surface.corners);
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, surface.buffer);
    field(mesh, "place", 4, gl.UNSIGNED_SHORT, true, 8, 0);
    buffer(paint(layer));
    field(mesh, "color", 4, gl.UNSIGNED_BYTE, true, 4, 0);
    return (layers[number] = array);
  }
  return {
    show: function (label, on) { shown[label] = on ? 255 : 0; },
    isShown: function (label) { return shown[label] > 0; },
    /* segments: [begin, end, [red, green, blue, alpha]] */
    lines: function (name, segments) {
      var values = new Float32Array(10 * segments.length);
      segments.forEach(function (one, i) { values.set(one[0].concat(one[1], one[2]), 10 * i); });
      var array = gl.createVertexArray();
      gl.bindVertexArray(array);
      buffer(values);
      field(line, "begin", 3, gl.FLOAT, false, 40, 0, 1);
      field(line, "end", 3, gl.FLOAT, false, 40, 12, 1);
      field(line, "color", 4, gl.FLOAT, false, 40, 24, 1);
      drawn[name] = { array: array, count: segments.length };
    },
    photos: function (quads, atlas) {
      var array = gl.createVertexArray(), image = gl.createTexture();
      gl.bindVertexArray(array);
      buffer(new Float32Array(quads));
      field(photo, "place", 3, gl.FLOAT, false, 20, 0);
      field(photo, "uv", 2, gl.FLOAT, false, 20, 12);
      gl.bindTexture(gl.TEXTURE_2D, image);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, atlas);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      drawn.photos = { array: array, count: quads.length / 5, image: image };
    },
    draw: function (state) {
      var ratio = Math.min(2, window.devicePixelRatio || 1);
      var width = Math.max(1, Math.round(canvas.clientWidth * ratio)), height = Math.max(1, Math.round(canvas.clientHeight * ratio));
      if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
      var camera = matrix(width / height), layer = record.layers[state.layer], surface = record.surfaces[layer.surface];
      gl.viewport(0, 0, width, height);
      gl.clearColor(state.paper[0] / 255, state.paper[1] / 255, state.paper[2] / 255, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.enable(gl.DEPTH_TEST);
      gl.enable(gl.CULL_FACE);
      gl.disable(gl.BLEND);
      var array = prepared(state.layer);
      mesh.use();
      gl.bindVertexArray(array);
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, mask);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, 256, 1, 0, gl.RED, gl.UNSIGNED_BYTE, shown);
      gl.uniformMatrix4fv(mesh.uniform("camera"), false, camera);
      gl.uniform3fv(mesh.uniform("low"), surface.low);
      gl.uniform3fv(mesh.uniform("span"), surface.span);
      gl.uniform1f(mesh.uniform("top"), state.shell ? 1e9 : record.top);
      gl.uniform1f(mesh.uniform("hatch"), layer.key === "classes" ? 5 * ratio : 0);
      gl.uniform3fv(mesh.uniform("stripe"), record.stripe.map(function (x) { return x / 255; }));
      gl.drawArrays(gl.TRIANGLES, 0, 3 * (state.shell ? surface.faces.length / 3 : surface.inner));
      gl.disable(gl.CULL_FACE);
      if (state.camera && drawn.photos) {
        photo.use();
        gl.bindVertexArray(drawn.photos.array);
        gl.bindTexture(gl.TEXTURE_2D, drawn.photos.image);
        gl.uniformMatrix4fv(photo.uniform("camera"), false, camera);
        gl.drawArrays(gl.TRIANGLES, 0, drawn.photos.count);
      }
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      line.use();
      gl.uniformMatrix4fv(line.uniform("camera"), false, camera);
      gl.uniform2f(line.uniform("size"), width / 2, height / 2);
      [["path", state.camera, 1.4], ["frames", state.camera, 0.8], ["boxes", state.boxes, 1], ["chosen", true, 2]].forEach(function (one) {
        var found = drawn[one[0]];
        if (!found || !one[1] || !found.count) return;
        gl.bindVertexArray(found.array);
        gl.uniform1f(line.uniform("width"), one[2] * ratio);
        /* What lies behind something shows through it. */
        gl.disable(gl.DEPTH_TEST);
        gl.uniform1f(line.uniform("fade"), 0.3);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, found.count);
        gl.enable(gl.DEPTH_TEST);
        gl.uniform1f(line.uniform("fade"), 1);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, found.count);
      });
      gl.bindVertexArray(null);
    }
  };
}
