// The film, its curve and its utterances, which stay at one place.
const STEP = 2; // seconds of an arrow
// What has its own use for keys.
const TAKEN = "input, textarea, select, [contenteditable=true], canvas, " +
  ["combobox", "dialog", "grid", "listbox", "menu", "radiogroup", "slider", "tab"].map((role) => `[role=${role}]`).join(", ");
const players = new WeakMap();

class Player {
  constructor(root) {
    this.root = root;
    this.keys = (event) => this.#key(event);
    document.addEventListener("keydown", this.keys);
    this.jump = (event) => this.#jump(event.detail);
    document.addEventListener("emotionscope-go", this.jump);
    this.resize = new ResizeObserver(() => { this.band?.draw(); this.#draw(); });
    this.resize.observe(root);
  }

  // Show other data; what plays goes on where nothing of it has changed.
  take(data, picked) {
    this.picked = picked;
    const { wanted, models, ...rest } = data, told = JSON.stringify(rest);
    if (told !== this.told) {
      const place = this.data && rest.dialogue === this.data.dialogue ? this.place : null, { chosen } = this;
      this.told = told;
      this.#build(data);
      if (place !== null) [this.place, this.chosen] = [Math.min(place, this.axis.to), Math.min(chosen, data.turns.length - 1)];
      else this.sent = undefined;
      this.film?.show(Math.max(this.axis.find(this.place).number, 0), this.axis.find(this.place).seconds);
    }
    this.data.models = models;
    if (wanted !== this.sent) {
      this.sent = wanted;
      const number = this.axis.turns.findIndex((turn) => turn.n === wanted);
      if (number >= 0) this.#goTo(this.axis.place(number, this.axis.turns[number].start ?? 0), number);
    }
    this.band.draw();
    this.#draw();
  }

  #build(data) {
    this.film?.pause();
    this.data = data;
    this.axis = new Axis(data);
    this.place = this.axis.turns.length ? this.axis.span(0)[0] : 0;
    this.chosen = -1;
    const go = (place, number) => this.go(place, number);
    this.band = new Band(this.axis, data, go);
    this.rows = new Rows(this.axis, data, go);
    this.film = data.films.length ? new Film(this.axis, data, (event) => this.#happened(event)) : null;
    const top = make("div", { class: this.film ? "p-top" : "p-top alone" });
    if (this.film) top.append(make("div", { class: "p-left" }, this.film.element, this.#controls()));
    top.append(make("div", { class: "p-right" }, this.rows.element));
    this.root.replaceChildren(top, this.band.element);
  }

  #controls() {
    const button = (title, sign, act) => make("button", { type: "button", class: "p-button", "aria-label": title, title, onclick: act }, sign);
    this.toggle = button("Play (space)", "▶", () => this.#toggle());
    this.clock = make("span", { class: "p-clock" });
    const flip = (title, act) => {
      const made = button(title, title, () => {
        const on = made.getAttribute("aria-pressed") !== "true";
        made.setAttribute("aria-pressed", on);
        act(on);
        this.#draw();
      });
      made.setAttribute("aria-pressed", true);
      return made;
    };
    const boxes = flip("boxes", (on) => { this.film.showBoxes = on; });
    const words = flip("words", (on) => { this.film.showWords = on; });
    const sound = flip("sound", (on) => { this.film.video.muted = !on; });
    const full = button("Full screen", "full screen", () => (document.fullscreenElement ? document.exitFullscreen() : this.film.element.requestFullscreen()));
    const last = button("Last shift (p)", "⇤ shift", () => this.#shift(-1)), next = button("Next shift (n)", "shift ⇥", () => this.#shift(1));
    return make("div", { class: "p-controls" }, this.toggle, this.clock, last, next, boxes, words, sound, full);
  }

  #toggle() {
    if (!this.film) return;
    if (this.film.playing) this.film.pause();
    else this.film.play();
    this.#happened();
  }

  // Go to a place, and tell the page which utterance that is.
  go(place, number = this.axis.find(place).number) {
    this.#goTo(place, number);
    const n = this.axis.turns[number]?.n ?? null;
    if (n === null || n === this.sent) return;
    this.sent = n;
    this.picked(n);
  }

  #goTo(place, number) {
    this.place = Math.min(Math.max(place, this.axis.from), this.axis.to - 0.001);
    if (number >= 0) this.chosen = number;
    const found = this.axis.find(this.place);
    this.film?.show(this.axis.byTime ? found.number : number >= 0 ? number : found.number, found.seconds);
    this.#draw();
  }

  #jump({ utterance, seconds }) {
    const number = this.axis.turns.findIndex((turn) => turn.n === utterance);
    if (number < 0) return;
    this.go(this.axis.place(number, seconds), number);
    this.root.scrollIntoView({ block: "start" });
  }

  #shift(way) {
    const shifts = this.axis.shifts(this.data.models[0]);
    const now = this.axis.before(this.place);
    const found = way > 0 ? shifts.find((each) => each > now) : shifts.findLast((each) => each < now);
    if (found !== undefined) this.go(this.axis.place(found, this.axis.turns[found].start ?? 0), found);
  }

  #key(event) {
    if (!this.root.isConnected) return;
    const taken = event.target.closest?.(TAKEN);
    if ((taken && !taken.matches(".p-slider")) || event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = event.target.closest?.("button, a, summary, [role=button]");
    const turn = (way) => {
      const number = Math.min(Math.max(this.axis.before(this.place) + way, 0), this.axis.turns.length - 1);
      this.go(this.axis.place(number, this.axis.turns[number].start ?? 0), number);
    };
    const arrow = (way) => (this.axis.byTime ? this.go(this.place + way * STEP) : turn(way));
    const acts = { ArrowLeft: () => arrow(-1), ArrowRight: () => arrow(1), n: () => this.#shift(1), p: () => this.#shift(-1) };
    if (!pressed) acts[" "] = () => this.#toggle();
    if (this.root.contains(event.target) && event.target.closest(".p-slider")) {
      acts.ArrowUp = () => turn(-1);
      acts.ArrowDown = () => turn(1);
    }
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  // The film has moved, begun or stopped.
  #happened(event) {
    if (event === "loadedmetadata") this.band.zoom(0);
    if (event === "pause" && !this.film.video.ended && this.film.source) this.film.playing = false;
    if (event === "ended") this.#next();
    if (this.film.playing && !this.frame) this.frame = requestAnimationFrame(() => this.#run());
    this.#draw();
  }

  #run() {
    this.frame = null;
    if (!this.root.isConnected) return;
    if (this.film.wanted === null) {
      const { number, seconds } = this.film, turn = this.axis.turns[number];
      const over = turn && turn.end !== null && seconds >= turn.end && (!this.axis.byTime || this.film.cut);
      if (over) this.#next();
      else this.place = this.axis.byTime ? Math.min(seconds, this.axis.to) : this.axis.place(number, seconds);
    }
    this.#draw();
    if (this.film.playing) this.frame = requestAnimationFrame(() => this.#run());
  }

  // Of clips, the next one plays on.
  #next() {
    const next = this.film.number + 1;
    if ((this.axis.byTime && !this.film.cut) || next >= this.axis.turns.length) {
      this.film.pause();
      return;
    }
    this.film.playing = true;
    this.#goTo(this.axis.place(next, this.axis.turns[next].start ?? 0), next);
  }

  #draw() {
    if (!this.axis?.turns.length) return;
    const { number } = this.axis.find(this.place);
    this.band.move(this.place, this.chosen);
    this.rows.mark(number, this.chosen);
    if (!this.film) return;
    this.film.draw(this.axis.byTime ? number : this.film.number);
    const playing = Boolean(this.film.playing);
    this.toggle.textContent = playing ? "❚❚" : "▶";
    this.toggle.setAttribute("aria-label", playing ? "Pause (space)" : "Play (space)");
    this.clock.textContent = this.axis.byTime ? `${clock(this.place)} / ${clock(this.axis.to)}` : this.axis.tell(this.place);
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("emotionscope-go", this.jump);
    this.resize.disconnect();
    this.film?.pause();
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".player");
  let player = players.get(root);
  if (!player) {
    player = new Player(root);
    players.set(root, player);
  }
  player.take(data, (utterance) => setTriggerValue("picked", utterance));
  return () => { player.close(); players.delete(root); };
}
