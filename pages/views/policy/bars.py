"""Bars that a hand can move: by the middle as a whole, by an end longer or shorter; by keys as well, and by touch."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.services.policies.bars import bar_rows, dragged
from core.services.policies.drafts import edit_draft
from pages.common.shell import plain_text, try_to
from pages.views.policy.draft import Editing, current_draft, draft_or_start, set_draft

#: Labels of dates beneath the bars.
TICKS = 4
_CSS = """
.rows { font-size: 0.8rem; color: var(--st-text-color); user-select: none; }
.row { display: flex; align-items: center; gap: 0.5rem; margin-bottom: 3px; }
.name { width: 30%; max-width: 11rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; flex: none; }
.track { position: relative; flex: 1; height: 24px; background: var(--st-secondary-background-color); border-radius: 3px; }
.bar { position: absolute; top: 2px; bottom: 2px; background: var(--st-primary-color); border-radius: 3px; cursor: grab;
       touch-action: none; min-width: 6px; box-sizing: border-box; border: 1px solid var(--st-background-color); }
.level { display: block; text-align: center; color: #ffffff; line-height: 18px; overflow: hidden; pointer-events: none; }
.bar:focus-visible { outline: 2px solid var(--st-text-color); outline-offset: 1px; }
.end { position: absolute; top: 0; bottom: 0; width: 9px; cursor: ew-resize; touch-action: none; }
.end.left { left: -3px; } .end.right { right: -3px; }
.axis { display: flex; justify-content: space-between; margin-left: calc(min(30%, 11rem) + 0.5rem); opacity: 0.75;
        white-space: nowrap; }
.said { min-height: 1.3em; margin-top: 4px; }
"""
_JS = """
export default function(component) {
  const { parentElement, data, setTriggerValue } = component;
  let root = parentElement.querySelector('.rows');
  if (!root) { root = document.createElement('div'); root.className = 'rows'; parentElement.appendChild(root); }
  root.replaceChildren();
  const said = document.createElement('div');
  said.className = 'said';
  said.setAttribute('role', 'status');
  const made = (name, parent) => {
    const item = document.createElement('div'); item.className = name; parent.appendChild(item); return item;
  };
  const when = place => data.periods[Math.max(0, Math.min(data.periods.length - 1, place))];
  for (const row of data.rows) {
    const line = made('row', root);
    const name = made('name', line);
    name.textContent = row.name; name.title = row.name;
    const track = made('track', line);
    for (const bar of row.bars) {
      const box = made('bar', track);
      let start = bar.start, end = bar.end;
      box.tabIndex = 0;
      box.setAttribute('role', 'button');
      box.dataset.number = bar.number;
      box.style.background = 'color-mix(in srgb, var(--st-primary-color) ' + (45 + 55 * bar.share) + '%, #24313b)';
      made('level', box).textContent = bar.label;
      const words = () => row.name + ', ' + bar.text + ': ' + when(start) + ' to ' + when(end);
      const draw = () => {
        box.style.left = (100 * start / data.periods.length) + '%';
        box.style.width = (100 * (end - start + 1) / data.periods.length) + '%';
        box.title = words();
        box.setAttribute('aria-label', words() + '. Arrow keys move it, with Shift by ' + data.many + ', with Alt its end.');
      };
      draw();
      const last = data.periods.length - 1;
      const send = () => {
        if (start !== bar.start || end !== bar.end) {
          setTriggerValue('moved', { number: bar.number, start: start, end: end });
        }
      };
      const move = (part, by) => {
        if (part === 'left') { start = Math.max(0, Math.min(end, start + by)); }
        else if (part === 'right') { end = Math.min(last, Math.max(start, end + by)); }
        else { by = Math.max(-start, Math.min(last - end, by)); start += by; end += by; }
        draw(); said.textContent = words();
      };
      const take = part => event => {
        event.preventDefault(); event.stopPropagation();
        const from = event.clientX, width = track.getBoundingClientRect().width;
        const at = [start, end];
        event.target.setPointerCapture(event.pointerId);
        event.target.onpointermove = moved => {
          const by = Math.round((moved.clientX - from) / width * data.periods.length);
          start = at[0]; end = at[1]; move(part, by);
        };
        event.target.onpointerup = () => { event.target.onpointermove = event.target.onpointerup = null; send(); };
      };
      box.onpointerdown = take('whole');
      for (const side of ['left', 'right']) { made('end ' + side, box).onpointerdown = take(side); }
      let waits = null;
      box.onkeydown = event => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') { return; }
        event.preventDefault();
        move(event.altKey ? 'right' : 'whole', (event.key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? data.many : 1));
        clearTimeout(waits);
        waits = setTimeout(send, 700);
      };
    }
  }
  const axis = made('axis', root);
  for (const tick of data.ticks) { const mark = document.createElement('span'); mark.textContent = tick; axis.appendChild(mark); }
  root.appendChild(said);
}
"""
#: Nothing of anybody's is in it: what it shows comes as data and is set as text.
_bars = st.components.v2.component("policy_bars", html='<div class="rows"></div>', css=_CSS, js=_JS)


@st.fragment
def bar_edits(editing: Editing) -> None:
    """The draft's bars over the days shown, to be moved; each movement is an edit like any other."""
    step, shown = editing.study.step, draft_or_start(editing)
    periods = [step.text(day.date()) for day in step.periods(editing.first, editing.last)]
    st.caption(
        "Take a bar by its middle to move it, by an end to make it last longer or shorter. By keys: arrows move the bar in "
        f"focus, with Shift by {_many(editing)} {step}s, with Alt its end. Touching bars give way."
    )
    places = sorted({round(number * (len(periods) - 1) / (TICKS - 1)) for number in range(TICKS)})
    answer = _bars(
        key=editing.key("bars"),
        data={
            "rows": bar_rows(shown, editing.first, editing.last), "periods": periods, "many": _many(editing),
            "ticks": [periods[place] for place in places],
        },
        on_moved_change=lambda: None,
    )  # fmt: skip
    if said := st.session_state.get(editing.key("bar-said")):
        st.caption(plain_text(f"Done: {said}. Undo takes it back."))
    moved: Any = answer.moved
    if not moved:
        return

    def apply() -> None:
        number, start, end = (moved.get(name) for name in ("number", "start", "end"))
        said, edits = dragged(shown, editing.first, editing.last, number, start, end)
        set_draft(editing, edit_draft(shown, list(edits), "Bars"))
        st.session_state[editing.key("bar-said")] = said

    if try_to(apply):
        st.rerun()
    elif current_draft(editing) is None:
        st.caption("The policy stays as it was.")


def _many(editing: Editing) -> int:
    """Periods of a large step."""
    return {"day": 7, "week": 4, "month": 3}.get(str(editing.study.step), 2)
