// The curve as a file, for print: its title, what it shows, the rows in sight, and the emotions with their colours.
const EDGE = 16, LINE = 18, LEAST = 640; // pixels; a narrower curve is saved wider, since its words need the room
const INK = "#31333f";

function saveCurve(band, kind) {
  const { data, axis } = band, [from, to] = band.window;
  const isWhole = to - from >= (axis.to - axis.from) * 0.999;
  const told = [`${data.archive}: ${data.models.join(", ")} answers of bundle ${data.bundles.join(", ")}`];
  told.push(isWhole ? "The whole dialogue" : `From ${axis.tell(from)} to ${axis.tell(to - 0.001)}`);
  const style = { color: INK, fontFamily: getComputedStyle(band.slider).fontFamily };
  const wide = Math.max(band.width, LEAST), head = EDGE + 24 + LINE * told.length;
  let context;
  band.paint((_, high) => {
    const size = [wide + 2 * EDGE, head + high + LINE + 2 * EDGE];
    context = kind === "svg" ? new Svg(...size) : sized(document.createElement("canvas"), ...size);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, ...size);
    context.translate(EDGE, EDGE);
    context.fillStyle = INK;
    context.font = `600 15px ${style.fontFamily}`;
    context.fillText(fitted(context, data.dialogue, wide), 0, 14);
    context.font = `12px ${style.fontFamily}`;
    told.forEach((line, number) => context.fillText(fitted(context, line, wide), 0, 34 + LINE * number));
    context.translate(0, head - EDGE);
    return context;
  }, style, wide, -1);
  let left = 0;
  context.textAlign = "left";
  data.emotions.forEach((name, number) => {
    context.fillStyle = data.colours[number];
    context.fillRect(left, band.height + 8, 11, 11);
    context.fillStyle = INK;
    context.fillText(name, left + 16, band.height + 14);
    left += context.measureText(name).width + 34;
  });
  band.draw();
  const href = kind === "svg" ? context.address() : context.canvas.toDataURL("image/png");
  make("a", { download: `${data.dialogue.replace(/[^\p{L}\p{N}_.-]+/gu, "-")}-curve.${kind}`, href }).click();
}

// Takes what the curve draws on a canvas, as elements of SVG.
class Svg {
  constructor(width, height) {
    this.root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.measure = document.createElement("canvas").getContext("2d");
    Object.assign(this, { into: this.root, globalAlpha: 1, lineWidth: 1, textAlign: "left", textBaseline: "auto" });
    this.#set(this.root, { width, height, viewBox: `0 0 ${width} ${height}` });
  }

  #set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  }

  #add(tag, attributes, words = "") {
    const element = document.createElementNS(this.root.namespaceURI, tag);
    this.#set(element, attributes);
    element.textContent = words;
    this.into.append(element);
    return element;
  }

  get #filled() {
    return { fill: this.fillStyle, "fill-opacity": this.globalAlpha };
  }

  get #lined() {
    return { fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth };
  }

  #word(paint, words, x, y) {
    const place = { "text-anchor": this.textAlign === "center" ? "middle" : "start", "dominant-baseline": this.textBaseline };
    this.#add("text", { x, y, style: `font: ${this.font}`, ...place, ...paint }, words);
  }

  translate(x, y) {
    this.into = this.#add("g", { transform: `translate(${x} ${y})` });
  }

  fillRect(x, y, width, height) { this.#add("rect", { x, y, width, height, ...this.#filled }); }
  strokeRect(x, y, width, height) { this.#add("rect", { x, y, width, height, ...this.#lined }); }
  fillText(words, x, y) { this.#word(this.#filled, words, x, y); }
  strokeText(words, x, y) { this.#word(this.#lined, words, x, y); }
  beginPath() {}
  rect(x, y, width, height) { this.path = ["rect", { x, y, width, height }]; }
  arc(cx, cy, r) { this.path = ["circle", { cx, cy, r }]; }
  fill() { this.#add(this.path[0], { ...this.path[1], ...this.#filled }); }

  measureText(words) {
    this.measure.font = this.font;
    return this.measure.measureText(words);
  }

  address() {
    return URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(this.root)], { type: "image/svg+xml" }));
  }
}
