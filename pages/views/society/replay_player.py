"""The replay's own element: maps on a canvas, one clock for both; keyboard, reduced motion and words for who cannot see it."""

from __future__ import annotations

import streamlit as st

_CSS = """
.lab { color: var(--st-text-color); font-size: 0.85rem; }
.maps { display: flex; flex-wrap: wrap; gap: 1rem; }
.map { flex: 1 1 260px; min-width: 0; }
.map h4 { margin: 0 0 0.3rem; font-size: 0.9rem; font-weight: 600; }
canvas { width: 100%; aspect-ratio: var(--shape, 1); background: var(--st-secondary-background-color); border-radius: 4px;
  cursor: pointer; display: block; }
canvas:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible {
  outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; margin: 0.6rem 0; }
.bar input { flex: 1 1 160px; accent-color: var(--st-primary-color); min-height: 28px; }
button, select { font: inherit; color: inherit; background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color, #9aa5ae); border-radius: 4px; padding: 0.25rem 0.6rem; min-height: 32px; }
.clock { min-width: 9.5rem; font-variant-numeric: tabular-nums; }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; opacity: 0.85; margin-top: 0.4rem; }
.key span::before { content: ''; display: inline-block; width: 10px; height: 10px;
  border-radius: 50%; margin-right: 5px; background: var(--dot); }
.key .place::before { border-radius: 2px; }
"""
_JS = """
export default function(component) {
  const { parentElement, data, setTriggerValue } = component;
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const words = text => new Uint16Array(bytes(text).buffer);
  const arms = data.arms.map(arm => ({ title: arm.title, x: words(arm.x), y: words(arm.y),
    state: bytes(arm.state), strain: bytes(arm.strain) }));
  let root = parentElement.querySelector('.lab');
  // At first at noon, when there is something to see.
  const at = root && root.dataset.at ? Number(root.dataset.at) : Math.floor(12 / data.hours);
  if (root && root.stop) { root.stop(); }
  if (!root) { root = document.createElement('div'); root.className = 'lab'; parentElement.appendChild(root); }
  root.replaceChildren();
  const add = (kind, parent, name) => {
    const item = document.createElement(kind);
    if (name) { item.className = name; }
    parent.appendChild(item);
    return item;
  };
  const [wide, high] = data.grid, count = data.households;
  const maps = add('div', root, 'maps');
  const drawn = arms.map(arm => {
    const box = add('div', maps, 'map');
    add('h4', box).textContent = arm.title;
    const canvas = add('canvas', box);
    canvas.style.setProperty('--shape', wide + ' / ' + high);
    canvas.tabIndex = 0; canvas.setAttribute('role', 'img');
    return { arm, canvas };
  });
  const bar = add('div', root, 'bar');
  const play = add('button', bar), back = add('button', bar), next = add('button', bar);
  back.textContent = '\\u2212 1 h'; next.textContent = '+ 1 h';
  back.setAttribute('aria-label', 'One step back'); next.setAttribute('aria-label', 'One step on');
  const slider = add('input', bar);
  slider.type = 'range'; slider.min = 0; slider.max = data.steps - 1; slider.setAttribute('aria-label', 'Hour of the run');
  const speed = add('select', bar); speed.setAttribute('aria-label', 'Speed');
  for (const [value, text] of [[2, 'slow'], [6, 'usual'], [18, 'fast']]) {
    const item = add('option', speed); item.value = value; item.textContent = text;
  }
  speed.value = 6;
  const clock = add('div', bar, 'clock'); clock.setAttribute('role', 'status');
  const key = add('div', root, 'key');
  const dark = data.dark;
  const sleeping = dark ? '#5b6873' : '#b4bec6', eating = dark ? '#d5dde3' : '#3c4752', buying = '#8a4f9e';
  const shade = strain => 'hsl(' + (200 - 1.85 * Math.min(strain, 100)) + ' 75% ' + (dark ? 62 : 42) + '%)';
  for (const [text, colour, name] of [['calm', shade(5), ''], ['under stress', shade(50), ''],
    ['under much stress', shade(95), ''], ['asleep', sleeping, ''], ['restaurant', eating, 'place'],
    ['grocery', buying, 'place']]) {
    const item = add('span', key, name); item.style.setProperty('--dot', colour); item.textContent = text;
  }
  let step = Math.min(at, data.steps - 1), timer = null;
  const start = new Date(data.start + 'Z');
  const when = () => new Date(start.getTime() + step * data.hours * 3600000);
  // A fixed place within its cell for each household, so that dots do not jump.
  const part = value => value - Math.floor(value);
  const jitter = one => [part(Math.sin(one * 12.9898) * 43758.5453), part(Math.sin(one * 78.233) * 24634.6345)];
  const spots = Array.from({ length: count }, (_, one) => jitter(one + 1));
  const paint = () => {
    root.dataset.at = step; slider.value = step;
    const day = when();
    const weekday = day.toLocaleDateString('en-GB', { weekday: 'short', timeZone: 'UTC' });
    const hour = String(day.getUTCHours()).padStart(2, '0') + ':00';
    clock.textContent = 'Day ' + (Math.floor(step * data.hours / 24) + 1) + ', ' + weekday + ' ' + hour;
    for (const { arm, canvas } of drawn) {
      const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 300, height = width * high / wide;
      if (canvas.width !== Math.round(width * ratio)) {
        canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      }
      const pen = canvas.getContext('2d'), cell = width / wide;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const there = {};
      let out = 0, asleep = 0, total = 0;
      for (let one = 0; one < count; one++) {
        const i = step * count + one, state = arm.state[i];
        const x = (arm.x[i] + 0.15 + 0.7 * spots[one][0]) * cell, y = (arm.y[i] + 0.15 + 0.7 * spots[one][1]) * cell;
        pen.beginPath();
        pen.fillStyle = state === 4 ? sleeping : shade(arm.strain[i]);
        pen.globalAlpha = state === 4 ? 0.6 : 0.9;
        pen.arc(x, y, Math.max(2, cell * 0.07), 0, 7);
        pen.fill();
        total += arm.strain[i];
        if (state === 4) { asleep++; } else if (state === 2 || state === 3) { out++; }
        if (state === 3) { const name = arm.x[i] + ',' + arm.y[i]; there[name] = (there[name] || 0) + 1; }
      }
      pen.globalAlpha = 1;
      for (const place of data.places) {
        const [x, y] = place.cell, guests = there[x + ',' + y] || 0, size = Math.max(6, cell * 0.2) + 2.2 * Math.sqrt(guests);
        pen.fillStyle = place.kind === 'grocery' ? buying : eating;
        pen.fillRect((x + 0.5) * cell - size / 2, (y + 0.5) * cell - size / 2, size, size);
      }
      canvas.setAttribute('aria-label', arm.title + ', ' + clock.textContent + ': ' + out + ' of ' + count + ' out, ' + asleep
        + ' asleep, mean stress ' + Math.round(total / count) + ' of 100. Enter looks at a household.');
    }
  };
  const go = by => { step = (step + by + data.steps) % data.steps; paint(); };
  const say = (text, pressed) => { play.textContent = text; play.setAttribute('aria-pressed', pressed); };
  const halt = () => { clearInterval(timer); timer = null; say('Play', 'false'); };
  const tick = () => { if (step >= data.steps - 1) { halt(); } else { go(1); } };
  const begin = () => { halt(); timer = setInterval(tick, 1000 / Number(speed.value)); say('Pause', 'true'); };
  play.onclick = () => timer ? halt() : begin();
  back.onclick = () => { halt(); go(-1); };
  next.onclick = () => { halt(); go(1); };
  slider.oninput = () => { halt(); step = Number(slider.value); paint(); };
  speed.onchange = () => { if (timer) { begin(); } };
  const send = one => setTriggerValue('picked', { household: one, step: step });
  for (const { arm, canvas } of drawn) {
    canvas.onclick = event => {
      const box = canvas.getBoundingClientRect(), cell = box.width / wide;
      let best = 0, near = Infinity;
      for (let one = 0; one < count; one++) {
        const i = step * count + one;
        const x = (arm.x[i] + 0.15 + 0.7 * spots[one][0]) * cell, y = (arm.y[i] + 0.15 + 0.7 * spots[one][1]) * cell;
        const away = Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y);
        if (away < near) { near = away; best = one; }
      }
      halt(); send(best);
    };
    canvas.onkeydown = event => {
      if (event.key === 'ArrowRight') { halt(); go(event.shiftKey ? 24 / data.hours : 1); }
      else if (event.key === 'ArrowLeft') { halt(); go(event.shiftKey ? -24 / data.hours : -1); }
      else if (event.key === ' ') { timer ? halt() : begin(); }
      else if (event.key === 'Enter') { halt(); send(Math.floor(step * 7 % count)); }
      else { return; }
      event.preventDefault();
    };
  }
  halt(); paint();
  const watch = new ResizeObserver(paint);
  drawn.forEach(item => watch.observe(item.canvas));
  root.stop = () => { halt(); watch.disconnect(); };
  // Nothing moves by itself for who has asked for less motion; for others it plays only when asked to.
  return () => root.stop();
}
"""
#: What it shows comes as data and is set as text.
player = st.components.v2.component("society_replay", html='<div class="lab"></div>', css=_CSS, js=_JS)
