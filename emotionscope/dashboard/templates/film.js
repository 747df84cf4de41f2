// The film, or the clip of each turn, with what is drawn over it: boxes and names from the faces table, and the words.
const NEAR = 0.3, APART = 0.8; // seconds: a box stands so long, and moves to the next one if that is so near

class Film {
  constructor(axis, data, tell) {
    Object.assign(this, { axis, data, tell, number: -1, offset: 0, cut: false, wanted: null });
    this.video = make("video", { playsinline: true, preload: "metadata", "aria-label": "The film", tabindex: "-1" });
    this.picture = make("img", { alt: "The picture of the utterance", hidden: true });
    this.boxes = make("canvas", { class: "p-boxes" });
    this.words = make("div", { class: "p-words", dir: "auto", hidden: true });
    this.message = make("p", { class: "p-message", role: "status", hidden: true });
    this.element = make("div", { class: "p-stage" }, this.video, this.picture, this.boxes, this.words, this.message);
    this.video.addEventListener("loadedmetadata", () => this.#loaded());
    this.video.addEventListener("error", () => this.#failed());
    this.picture.addEventListener("load", () => this.tell());
    for (const event of ["seeked", "play", "pause", "ended", "loadeddata"]) this.video.addEventListener(event, () => this.tell(event));
    this.showBoxes = this.showWords = true;
    this.tracks = this.#tracks();
  }

  // The faces' numbers in order of time, by turn's film and person.
  #tracks() {
    const { turn, person } = this.axis.faces, tracks = new Map();
    turn.forEach((number, face) => {
      const film = this.axis.byTime ? 0 : number;
      if (!tracks.has(film)) tracks.set(film, new Map());
      const people = tracks.get(film);
      if (!people.has(person[face])) people.set(person[face], []);
      people.get(person[face]).push(face);
    });
    return tracks;
  }

  // Show a second of a turn's video; a film goes on between turns, where the number is -1.
  show(number, seconds) {
    const turn = this.axis.turns[number] ?? this.axis.turns[0];
    const film = this.data.films[turn.film];
    this.wanted = seconds;
    if (!film) {
      this.video.pause();
      this.#stop("This utterance has no video.");
    } else if (film.picture) {
      this.#stop(null);
      this.picture.hidden = false;
      if (this.source !== film.src) this.picture.src = this.source = film.src;
    } else if (this.cut ? this.source === film.src && this.number === number : this.source === film.src) {
      this.#seek();
    } else if (film.broken) {
      this.#cutOut(number, turn, film);
    } else {
      this.#open(film.src, film.src, 0);
    }
    this.number = number;
  }

  #open(source, address, offset) {
    this.#stop(null);
    this.source = source;
    this.offset = offset;
    this.cut = source !== address;
    this.video.hidden = false;
    this.video.src = address;
  }

  #stop(words) {
    this.source = null;
    this.picture.hidden = this.video.hidden = true;
    this.say(words);
  }

  say(words) {
    this.message.hidden = !words;
    this.message.textContent = words ?? "";
  }

  #loaded() {
    if (this.axis.byTime && !this.cut) this.axis.reach(0, this.video.duration);
    else if (!this.cut && this.number >= 0) this.axis.lengths.set(this.number, this.video.duration);
    this.element.style.aspectRatio = `${this.video.videoWidth} / ${this.video.videoHeight}`;
    this.#seek();
    if (this.playing) this.play();
    this.tell("loadedmetadata");
  }

  #seek() {
    if (this.wanted === null || this.video.readyState < 1) return;
    this.video.currentTime = Math.max(this.wanted - this.offset, 0);
    this.wanted = null;
  }

  // A browser that cannot play the file gets the turn's packets in a file of its own.
  #failed() {
    const turn = this.axis.turns[Math.max(this.number, 0)], film = this.data.films[turn?.film];
    if (!film || !this.source || this.cut) {
      if (this.cut) this.#stop("The video cannot be played by this browser.");
      return;
    }
    film.broken = true;
    this.#cutOut(Math.max(this.number, 0), turn, film);
  }

  async #cutOut(number, turn, film) {
    this.#stop("Cutting the clip …");
    this.number = number;
    let answer;
    try {
      answer = await fetch(turn.clip);
    } catch {
      this.say("The dashboard does not answer.");
      return;
    }
    if (this.number !== number) return;
    if (!answer.ok) {
      this.#stop(await answer.text());
      return;
    }
    const address = URL.createObjectURL(await answer.blob());
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = address;
    if (this.wanted === null || this.wanted < (turn.start ?? 0)) this.wanted = turn.start ?? 0;
    this.#open(film.src, address, (turn.start ?? 0) - Number(answer.headers.get("X-Start")));
    this.say(decodeURIComponent(answer.headers.get("X-Note")) || null);
  }

  get seconds() {
    return this.wanted ?? this.video.currentTime + this.offset;
  }

  play() {
    this.playing = true;
    if (this.video.readyState >= 1) this.video.play().catch(() => { this.playing = false; this.tell("pause"); });
  }

  pause() {
    this.playing = false;
    this.video.pause();
  }

  // Draw what belongs to a second of a turn over the picture.
  draw(number) {
    const turn = this.axis.turns[number];
    const words = turn && this.showWords ? [turn.who, turn.text].filter(Boolean).join(": ") : "";
    this.words.hidden = !words;
    if (this.words.textContent !== words) this.words.textContent = words;
    const shown = this.video.hidden ? this.picture : this.video;
    const wide = shown.videoWidth || shown.naturalWidth, high = shown.videoHeight || shown.naturalHeight;
    const context = sized(this.boxes, this.element.clientWidth, this.element.clientHeight);
    if (!wide || shown.hidden || !this.showBoxes) return [];
    const scale = Math.min(this.element.clientWidth / wide, this.element.clientHeight / high);
    context.translate((this.element.clientWidth - wide * scale) / 2, (this.element.clientHeight - high * scale) / 2);
    const seen = this.faces(number);
    for (const { face, box } of seen) this.#box(context, face, box.map((each) => each * scale));
    return seen;
  }

  // The faces of this moment with their boxes, which move from one look to the next.
  faces(number) {
    const people = this.tracks.get(this.axis.byTime ? 0 : number), { faces } = this.axis, seconds = this.seconds;
    const found = [];
    for (const track of people?.values() ?? []) {
      let after = track.findIndex((face) => faces.time[face] > seconds);
      if (after < 0) after = track.length;
      const [last, next] = [track[after - 1], track[after]];
      const since = last === undefined ? Infinity : seconds - faces.time[last];
      const until = next === undefined ? Infinity : faces.time[next] - seconds;
      const face = since <= until ? last : next;
      if (faces.box[face] === null) continue;
      if (since + until <= APART && faces.box[last] && faces.box[next] && overlap(faces.box[last], faces.box[next])) {
        const share = since / (since + until);
        found.push({ face, box: faces.box[last].map((each, side) => each + (faces.box[next][side] - each) * share) });
      } else if (Math.min(since, until) <= NEAR) {
        found.push({ face, box: faces.box[face] });
      }
    }
    return found;
  }

  #box(context, face, [x, y, wide, high]) {
    const { faces } = this.axis;
    const word = `${faces.names[faces.name[face]]}: ${this.data.emotions[faces.emotion[face]]} ${faces.sure[face]}%${faces.speaks[face] ? ", speaks" : ""}`;
    context.lineWidth = faces.speaks[face] ? 4 : 2;
    context.strokeStyle = "#fff";
    context.strokeRect(x - 1, y - 1, wide + 2, high + 2);
    context.strokeStyle = this.data.colours[faces.emotion[face]];
    context.strokeRect(x, y, wide, high);
    context.font = `600 12px ${getComputedStyle(this.element).fontFamily}`;
    const length = context.measureText(word).width + 10, top = y > 22 ? y - 21 : y + 3;
    context.fillStyle = "rgba(0,0,0,.72)";
    context.fillRect(x - 1, top, length, 18);
    context.fillStyle = "#fff";
    context.textBaseline = "middle";
    context.fillText(word, x + 4, top + 9);
  }
}

function overlap(one, other) {
  return [0, 1].every((side) => one[side] < other[side] + other[side + 2] && other[side] < one[side] + one[side + 2]);
}
