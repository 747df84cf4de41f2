// The curve: who speaks, the emotions as stacked bands, who listens, and a lane of faces for each person.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const NAMED = 22, LISTENERS = 16, LANE = 20, FOOT = 22, GAP = 6, NARROW = 3, BIN = 4, MARK = 12;

class Curve {
  constructor(axis, data) {
    Object.assign(this, { axis, data, window: [axis.from, axis.to] });
  }

  x(place) {
    return this.left + ((this.width - this.left) * (place - this.window[0])) / (this.window[1] - this.window[0]);
  }

  place(x) {
    return this.window[0] + ((x - this.left) / (this.width - this.left)) * (this.window[1] - this.window[0]);
  }

  // Draw the part of the dialogue in the window, with an outline around the turn that is chosen, where `begin` says.
  paint(begin, style, width, chosen) {
    this.width = width;
    this.left = width < 600 ? 72 : 110;
    this.ink = style.color;
    this.rows = this.#layout();
    this.height = this.rows.at(-1).bottom + FOOT;
    const context = begin(width, this.height);
    context.font = `12px ${style.fontFamily}`;
    context.textBaseline = "middle";
    for (const row of this.rows) {
      this.#title(context, row);
      row.draw(context, row);
    }
    this.#ticks(context);
    this.#frame(context, chosen);
  }

  #layout() {
    const { models, people } = this.data;
    const tall = [140, 90, 64][Math.min(models.length, 3) - 1];
    const rows = [];
    const add = (title, height, draw, more = {}) => {
      const top = rows.length ? rows.at(-1).bottom + (more.close ? 0 : GAP) : 0;
      rows.push({ title, top, bottom: top + height, height, draw, ...more });
    };
    if (this.axis.turns.some((turn) => turn.who)) add("who speaks", NAMED, (c, row) => this.#speakers(c, row));
    for (const model of models) add(model, tall, (c, row) => this.#emotions(c, row, model), { model });
    if (this.axis.turns.some((turn) => turn.listener !== null)) add("listeners", LISTENERS, (c, row) => this.#listeners(c, row));
    people.forEach((person, number) => add(person.name, LANE, (c, row) => this.#lane(c, row), { person: person.id, close: number > 0 }));
    return rows;
  }

  #title(context, row) {
    context.fillStyle = this.ink;
    context.textAlign = "left";
    context.fillText(fitted(context, row.title, this.left - 8), 0, (row.top + row.bottom) / 2);
  }

  // The turns that are in sight, as [number, left, right] in pixels.
  #seen() {
    const found = [];
    for (let number = 0; number < this.axis.turns.length; number++) {
      const [from, to] = this.axis.span(number);
      if (to >= this.window[0] && from <= this.window[1]) {
        found.push([number, Math.max(this.x(from), this.left), Math.min(this.x(to), this.width)]);
      }
    }
    return found;
  }

  #speakers(context, row) {
    const names = [...new Set(this.axis.turns.map((turn) => turn.who).filter(Boolean))];
    const seen = this.#seen();
    seen.forEach(([number, left, right], place) => {
      const { who } = this.axis.turns[number];
      if (!who) return;
      context.globalAlpha = 0.14 + 0.16 * (names.indexOf(who) % 3);
      context.fillStyle = this.ink;
      context.fillRect(left, row.top, Math.max(right - left - 1, 1), row.height);
      context.globalAlpha = 1;
      const room = (seen[place + 1]?.[1] ?? this.width) - left - 7; // a name may reach to the next turn
      if (room < 20) return;
      context.textAlign = "left";
      context.fillText(fitted(context, who, room), left + 3, (row.top + row.bottom) / 2);
    });
  }

  #emotions(context, row, model) {
    const seen = this.#seen();
    const narrow = seen.length && (this.width - this.left) / seen.length < NARROW;
    const columns = narrow ? this.#binned(seen, model) : seen.map(([number, left, right]) => [this.axis.turns[number].p[model], left, right]);
    for (const [shares, left, right] of columns) {
      const wide = Math.max(right - left - (narrow ? 0 : 1), 1);
      if (!shares) {
        context.fillStyle = "rgba(128,128,128,.16)";
        context.fillRect(left, row.top, wide, row.height);
        continue;
      }
      let bottom = row.bottom;
      const best = likeliest(shares);
      shares.forEach((share, emotion) => {
        const high = (row.height * share) / 1000;
        context.fillStyle = this.data.colours[emotion];
        context.fillRect(left, bottom - high, wide, high + 0.3);
        if (emotion === best && !narrow && high > 14) this.#word(context, this.data.emotions[emotion], left, bottom - high / 2, wide);
        bottom -= high;
      });
    }
  }

  #word(context, word, left, middle, wide) {
    if (context.measureText(word).width + 6 > wide) return;
    context.textAlign = "center";
    context.lineWidth = 3;
    context.strokeStyle = "rgba(0,0,0,.55)";
    context.strokeText(word, left + wide / 2, middle);
    context.fillStyle = "#fff";
    context.fillText(word, left + wide / 2, middle);
  }

  // Of turns narrower than a line can be: the mean of those in each few pixels.
  #binned(seen, model) {
    const bins = new Map();
    for (const [number, left, right] of seen) {
      const shares = this.axis.turns[number].p[model];
      if (!shares) continue;
      for (let bin = Math.floor(left / BIN); bin * BIN < Math.max(right, left + 0.01); bin++) {
        const weight = Math.min(right, (bin + 1) * BIN) - Math.max(left, bin * BIN);
        const sums = bins.get(bin) ?? { weight: 0, shares: shares.map(() => 0) };
        sums.weight += weight;
        shares.forEach((share, emotion) => { sums.shares[emotion] += share * weight; });
        bins.set(bin, sums);
      }
    }
    return [...bins].map(([bin, { weight, shares }]) => [shares.map((share) => share / weight), bin * BIN, (bin + 1) * BIN]);
  }

  #listeners(context, row) {
    for (const [number, left, right] of this.#seen()) {
      const { listener } = this.axis.turns[number];
      if (listener === null) continue;
      context.fillStyle = this.data.colours[listener];
      context.fillRect(left, row.top + 2, Math.max(right - left - 1, 1), row.height - 4);
    }
  }

  #lane(context, row) {
    context.fillStyle = "rgba(128,128,128,.35)";
    context.fillRect(this.left, (row.top + row.bottom) / 2, this.width - this.left, 1);
    const { person, emotion, time, turn } = this.axis.faces;
    const seen = [];
    person.forEach((who, face) => {
      const x = who === row.person ? this.x(this.axis.place(turn[face], time[face])) : -1;
      if (x >= this.left && x <= this.width) seen.push([face, x]);
    });
    const dense = seen.length * MARK > this.width - this.left;
    for (const [face, x] of seen) {
      context.fillStyle = this.data.colours[emotion[face]];
      context.beginPath();
      if (dense) context.rect(x - 1, row.top + 4, 2, row.height - 8);
      else context.arc(x, (row.top + row.bottom) / 2, MARK / 2, 0, 7);
      context.fill();
    }
  }

  #ticks(context) {
    const wide = this.window[1] - this.window[0];
    const most = Math.max(Math.floor((this.width - this.left) / 70), 2);
    const step = STEPS.find((each) => wide / each <= most) ?? 3600;
    context.fillStyle = this.ink;
    context.textAlign = "center";
    for (let place = Math.ceil(this.window[0] / step) * step; place < this.window[1]; place += step) {
      const middle = this.axis.byTime ? place : place + 0.5;
      const word = this.axis.byTime ? clock(place) : String(this.axis.turns[place]?.n ?? "–");
      const x = this.x(middle);
      if (x < this.left + 8 && this.axis.byTime) continue;
      context.fillText(word, Math.min(x, this.width - 14), this.height - FOOT / 2 + 3);
    }
  }

  // An outline around the turn that is chosen, over the emotions.
  #frame(context, chosen) {
    const bands = this.rows.filter((row) => row.model);
    if (chosen < 0 || !bands.length) return;
    const [from, to] = this.axis.span(chosen).map((each) => this.x(each));
    const left = Math.max(from, this.left), right = Math.min(to, this.width);
    if (right <= left) return;
    context.strokeStyle = this.ink;
    context.lineWidth = 2;
    context.strokeRect(left + 0.5, bands[0].top + 1, Math.max(right - left - 2, 2), bands.at(-1).bottom - bands[0].top - 2);
  }
}

// A canvas of a size in pixels of the page, sharp on any screen, and its context.
function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

// As much of a word as is no wider than so many pixels.
function fitted(context, word, width) {
  if (context.measureText(word).width <= width) return word;
  let kept = [...word];
  while (kept.length && context.measureText(`${kept.join("")}…`).width > width) kept.pop();
  return kept.length ? `${kept.join("")}…` : "";
}
