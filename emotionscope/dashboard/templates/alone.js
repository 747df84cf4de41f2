// A film without its curve and its answers, for those who judge an utterance: its own part, again and again.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".p-alone"), told = JSON.stringify(data);
  if (root.told === told) return;
  root.film?.pause();
  root.told = told;
  const [turn] = data.turns, film = new Film(new Axis(data), data, () => {});
  const begin = () => film.show(0, turn.start ?? 0), isOver = () => turn.end !== null && film.seconds >= turn.end;
  film.video.controls = true;
  film.video.removeAttribute("tabindex");
  film.video.addEventListener("timeupdate", () => { if (isOver()) film.pause(); });
  film.video.addEventListener("play", () => { if (isOver()) begin(); });
  root.film = film;
  root.replaceChildren(film.element);
  begin();
  film.play(); // where the browser lets a page begin by itself: not before its visitor has done something
}
