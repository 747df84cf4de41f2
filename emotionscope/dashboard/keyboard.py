"""What lets a visitor without a mouse use a chart: Tab goes to each mark that can be clicked, and Enter clicks it."""

CLICKABLE = "clickable"  # what the names of charts begin with whose marks can be clicked
# A chart's own selection listens to clicks, so that the key need only make one.
SCRIPT = """<script>
if (!window.emotionscopeMarks) {
  window.emotionscopeMarks = true;
  const marks = '[class*="st-key-clickable-"] path[role="graphics-symbol"]';
  let waiting = false;
  const reach = () => {
    waiting = false;
    document.querySelectorAll(marks + ":not([tabindex])").forEach(mark => mark.setAttribute("tabindex", "0"));
  };
  const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(reach); } };
  new MutationObserver(soon).observe(document.body, {childList: true, subtree: true});
  soon();
  document.addEventListener("keydown", event => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches?.(marks)) return;
    event.preventDefault();
    const box = event.target.getBoundingClientRect();
    const [clientX, clientY] = [box.x + box.width / 2, box.y + box.height / 2];
    event.target.dispatchEvent(new MouseEvent("click", {bubbles: true, view: window, clientX, clientY}));
  });
}
</script>"""
