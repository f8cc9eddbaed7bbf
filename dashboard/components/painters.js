// Two ways to paint clouds of points on a canvas: WebGL, and point by point where there is none.

const VERTEX = `
attribute vec3 at; attribute vec4 colour;
uniform vec3 centre, right, up, ahead; uniform vec2 scale, pan; uniform float size, half_extent, deep;
varying vec4 paint;
void main() {
  vec3 p = at - centre;
  float depth = dot(p, ahead) / half_extent;
  gl_Position = vec4(dot(p, right) * scale.x + pan.x, dot(p, up) * scale.y + pan.y, -depth * 0.25, 1.0);
  gl_PointSize = size * (1.0 + 0.3 * deep * clamp(depth, -1.2, 1.2));
  paint = vec4(mix(colour.rgb, vec3(0.53, 0.55, 0.58), deep * 0.45 * clamp(0.5 - 0.5 * depth, 0.0, 1.0)), colour.a);
}`
const FRAGMENT = `
precision mediump float; varying vec4 paint;
void main() {
  float r = length(2.0 * gl_PointCoord - 1.0);
  float a = 1.0 - smoothstep(0.75, 1.0, r);
  if (a < 0.05) discard;
  gl_FragColor = vec4(paint.rgb, 1.0) * paint.a * a;
}`

// One WebGL canvas, out of sight, for all panels: what it shows is copied onto theirs. A canvas with WebGL in it
// would be put on the page anew in every frame, moved or not; without a graphics card three of them take half of
// the time from one frame to the next.
let studio = null

function webgl_painter() {
  studio ??= webgl_studio()
  if (!studio) return null
  return {
    drop: (...arrays) => studio?.drop(...arrays),
    paint(context, clouds, eye) {
      studio ??= webgl_studio()
      if (!studio) return
      const {width, height} = context.canvas
      studio.paint(clouds, eye, width, height)
      context.drawImage(studio.canvas, 0, 0)
    },
  }
}

function webgl_studio() {
  const canvas = make("canvas")
  const gl = canvas.getContext("webgl", {premultipliedAlpha: true, antialias: false})
  if (!gl) return null
  // Lost when the browser needs its graphics elsewhere: the next painting makes another.
  canvas.addEventListener("webglcontextlost", () => { studio = null })
  const compile = (type, source) => {
    const shader = gl.createShader(type)
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    return shader
  }
  const program = gl.createProgram()
  gl.attachShader(program, compile(gl.VERTEX_SHADER, VERTEX))
  gl.attachShader(program, compile(gl.FRAGMENT_SHADER, FRAGMENT))
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null
  gl.useProgram(program)
  const place = (name) => gl.getUniformLocation(program, name)
  const u = Object.fromEntries(
    ["centre", "right", "up", "ahead", "scale", "pan", "size", "half_extent", "deep"].map((name) => [name, place(name)]))
  const at = gl.getAttribLocation(program, "at"), colour = gl.getAttribLocation(program, "colour")
  gl.enableVertexAttribArray(at)
  gl.enableVertexAttribArray(colour)
  gl.enable(gl.BLEND)
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
  gl.enable(gl.DEPTH_TEST)
  gl.depthFunc(gl.LEQUAL)
  const held = new WeakMap()  // a cloud is sent to the GPU once, however often the camera turns
  const buffer = (array) => {
    if (!held.has(array)) {
      held.set(array, gl.createBuffer())
      gl.bindBuffer(gl.ARRAY_BUFFER, held.get(array))
      gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW)
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, held.get(array))
  }
  return {
    canvas,
    drop: (...arrays) => arrays.forEach((array) => { if (held.has(array)) { gl.deleteBuffer(held.get(array)); held.delete(array) } }),
    paint(clouds, eye, width, height) {
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
      gl.viewport(0, 0, width, height)
      gl.clearColor(0, 0, 0, 0)
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT)
      for (const name of ["centre", "right", "up", "ahead"]) gl.uniform3fv(u[name], eye[name])
      gl.uniform2fv(u.scale, eye.scale)
      gl.uniform2fv(u.pan, eye.pan)
      gl.uniform1f(u.half_extent, eye.half)
      gl.uniform1f(u.deep, eye.deep)
      for (const cloud of clouds) {
        gl.uniform1f(u.size, cloud.size)
        buffer(cloud.points)
        gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 0, 0)
        buffer(cloud.colours)
        gl.vertexAttribPointer(colour, 4, gl.UNSIGNED_BYTE, true, 0, 0)
        gl.drawArrays(gl.POINTS, 0, cloud.points.length / 3)
        if (cloud.behind) gl.clear(gl.DEPTH_BUFFER_BIT)
      }
    },
  }
}

// Where there is no WebGL: the same picture, drawn point by point.
function plain_painter() {
  return {
    plain: true,
    drop() {},
    paint(context, clouds, eye) {
      const {width, height} = context.canvas
      for (const cloud of clouds) {
        const [x, y, depth] = project(cloud.points, eye, width, height)
        const order = Uint32Array.from(x.keys())
        if (eye.deep) order.sort((a, b) => depth[a] - depth[b])
        for (const i of order) {
          const [r, g, b, a] = cloud.colours.subarray(4 * i, 4 * i + 4)
          context.fillStyle = `rgba(${r},${g},${b},${a / 255})`
          context.fillRect(x[i] - cloud.size / 2, y[i] - cloud.size / 2, cloud.size, cloud.size)
        }
      }
    },
  }
}

// Pixels and depth of points (x, y, z interleaved), as the vertex shader places them.
function project(points, eye, width, height) {
  const n = points.length / 3, x = new Float32Array(n), y = new Float32Array(n), depth = new Float32Array(n)
  const {centre: c, right: r, up: u, ahead: a, scale, pan, half} = eye
  for (let i = 0; i < n; i++) {
    const px = points[3 * i] - c[0], py = points[3 * i + 1] - c[1], pz = points[3 * i + 2] - c[2]
    x[i] = (1 + (px * r[0] + py * r[1] + pz * r[2]) * scale[0] + pan[0]) * width / 2
    y[i] = (1 - (px * u[0] + py * u[1] + pz * u[2]) * scale[1] - pan[1]) * height / 2
    depth[i] = (px * a[0] + py * a[1] + pz * a[2]) / half
  }
  return [x, y, depth]
}
