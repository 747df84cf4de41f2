// The axis of a dialogue: seconds of its one film, or turns, each of which has a clip of its own or none.
class Axis {
  constructor(data) {
    this.turns = data.turns;
    this.faces = data.faces;
    this.byTime = data.axis === "time";
    this.until = data.until;
    this.lengths = new Map(); // seconds of the clips that were loaded, by turn
    this.facesOf = new Map(); // the faces' numbers in order of time, by turn
    data.faces.turn.forEach((turn, face) => {
      if (!this.facesOf.has(turn)) this.facesOf.set(turn, []);
      this.facesOf.get(turn).push(face);
    });
    this.from = 0;
    this.to = this.turns.length;
    if (this.byTime) this.reach(0, Infinity);
  }

  // Of a film: where the axis begins and ends, which is with the film unless the dialogue is a small part of it.
  reach(begins, ends) {
    const low = this.turns[0].start, high = Math.max(this.until, ...this.turns.map((turn) => turn.end));
    const little = 0.25 * (high - low);
    this.from = low - begins > little ? low : begins;
    this.to = ends - high > little ? high : Math.max(ends, high);
  }

  // Where a turn lies on the axis.
  span(number) {
    return this.byTime ? [this.turns[number].start, this.turns[number].end] : [number, number + 1];
  }

  // Seconds of a turn's part of its clip: as told, as loaded, or at least as long as its faces are seen.
  length(number) {
    const turn = this.turns[number];
    if (turn.end !== null) return Math.max(turn.end - (turn.start ?? 0), 0.1);
    const last = (this.facesOf.get(number) ?? []).at(-1);
    const seen = last === undefined ? 1 : this.faces.time[last] - (turn.start ?? 0) + 0.5;
    return Math.max((this.lengths.get(number) ?? 0) - (turn.start ?? 0), seen, 0.1);
  }

  // The place on the axis of a second of a turn's video.
  place(number, seconds) {
    if (this.byTime) return seconds;
    const share = (seconds - (this.turns[number].start ?? 0)) / this.length(number);
    return number + Math.min(Math.max(share, 0), 0.999);
  }

  // The turn that a place lies in (-1 between two) and the second of the video.
  find(place) {
    if (!this.byTime) {
      const number = Math.min(Math.max(Math.floor(place), 0), this.turns.length - 1);
      return { number, seconds: (this.turns[number].start ?? 0) + (place - number) * this.length(number) };
    }
    const inside = (turn) => turn.start <= place && place < turn.end;
    return { number: this.turns.findLastIndex(inside), seconds: place };
  }

  // The last turn that began before a place, or -1.
  before(place) {
    return this.turns.findLastIndex((_, number) => this.span(number)[0] <= place + 0.01);
  }

  // The turns whose likeliest emotion by a model is another than that of the last turn with an answer.
  shifts(model) {
    const found = [];
    let last = null;
    this.turns.forEach((turn, number) => {
      const emotion = likeliest(turn.p[model]);
      if (emotion === null) return;
      if (last !== null && emotion !== last) found.push(number);
      last = emotion;
    });
    return found;
  }

  // A place in words.
  tell(place) {
    return this.byTime ? clock(place) : `turn ${this.turns[this.find(place).number]?.n ?? "–"}`;
  }
}

function likeliest(shares) {
  return shares ? shares.indexOf(Math.max(...shares)) : null;
}

function clock(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// An element with its attributes; what is text stays text.
function make(tag, attributes = {}, ...inner) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inner);
  return element;
}
