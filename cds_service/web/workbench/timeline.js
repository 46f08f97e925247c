// The picture: phases, restrictions, exercises unlocking, observations with their thresholds.

import { fill, folded, h } from "./dom.js";

const INK = "#22343a";
const COLOURS = { now: "#0b5c6b", later: "#a9b8bc", held: "#b3541e", supervised: "#6a4c93", critical: "#a4161a", warning: "#8a5a00", info: "#3f6b75" };
let charts = [];

const percent = (week, last) => `${Math.min(100, Math.max(0, (week / last) * 100))}%`;

function track(label, steps, last, describe) {
  return h("div", { class: "track" },
    h("span", { class: "track-name" }, label),
    h("div", { class: "track-line" }, steps.map((step) => h("div", {
      class: `step ${step.current ? "current" : ""}`,
      vars: { "--from": percent(step.from, last), "--to": percent(step.to ?? last, last) },
      title: describe(step),
    }, h("span", {}, step.label ?? "")))));
}

function tracks(operation) {
  const last = Math.max(26, Math.min(60, operation.lastWeek ?? 52));
  const week = operation.week;
  const current = (step) => week !== null && step.from <= week && (step.to === null || week < step.to);
  const phases = operation.phases.map((phase) => ({ ...phase, label: phase.id, current: current(phase) })).filter((phase) => phase.from < last);
  const now = phases.find((phase) => phase.current);
  const limits = operation.restrictions.filter((one) => one.steps.length);
  return h("figure", { class: "tracks", vars: { "--now": percent(Math.min(week ?? 0, last), last) } },
    h("figcaption", {},
      h("strong", {}, operation.name), operation.date ? `, operated ${operation.date}` : "",
      week === null ? "" : `: week ${week}`, now ? `, phase ${now.id} (${now.goal})` : ""),
    track("Phases", phases, last, (phase) => `${phase.id}, weeks ${phase.from} to ${phase.to ?? "open"}: ${phase.goal}`),
    limits.map((one) => track(one.topic, one.steps.map((step) => ({ ...step, current: current(step) })), last, (step) => `weeks ${step.from} to ${step.to ?? "open"}: ${step.say}`)),
    h("div", { class: "track scale", "aria-hidden": "true" }, h("span", { class: "track-name" }, "week"),
      h("div", { class: "track-line" }, [0, 6, 12, 26, 52].filter((tick) => tick <= last).map((tick) => h("span", { class: "tick", vars: { "--from": percent(tick, last) } }, String(tick))),
        week === null ? null : h("span", { class: "now" }, "now"))),
    folded("Phases and limits in words",
      h("ul", {}, operation.phases.map((phase) => h("li", {}, `${phase.id}, weeks ${phase.from} to ${phase.to ?? "open"}: ${phase.goal}`))),
      h("ul", {}, limits.map((one) => h("li", {}, `${one.topic}: ` + one.steps.map((step) => `weeks ${step.from}${step.to === null ? " on" : " to " + step.to}: ${step.say}`).join("; "))))));
}

function chart(box, config, label) {
  const canvas = h("canvas", { role: "img", "aria-label": label });
  box.append(h("div", { class: "chart" }, canvas));
  config.options = {
    animation: false, responsive: true, maintainAspectRatio: false, color: INK,
    ...config.options,
  };
  charts.push(new window.Chart(canvas, config));
}

function unlocks(operation) {
  const rows = [...new Set(operation.unlocks.map((one) => one.category))];
  const stateOf = (one) => one.state;
  const groups = [
    ["now", "fits now"], ["supervised", "with a therapist"], ["held", "held back by a rule"], ["later", "later"],
  ];
  const spread = new Map();
  const points = operation.unlocks.filter((one) => one.week !== null).map((one) => {
    const place = `${one.category}/${one.week}`;
    const count = spread.get(place) ?? 0;
    spread.set(place, count + 1);
    return { ...one, x: one.week + (count % 3) * 0.7, y: rows.indexOf(one.category) + Math.floor(count / 3) * 0.22 - 0.2 };
  });
  const box = h("section", { "aria-label": "Exercises by first week" }, h("h3", {}, "Exercises unlocking week by week"));
  const shown = groups.map(([key, words]) => ({ key, words, points: points.filter((one) => stateOf(one) === key) })).filter((one) => one.points.length);
  chart(box, {
    type: "scatter",
    data: { datasets: shown.map((one) => ({ label: `${one.words} (${one.points.length})`, data: one.points, backgroundColor: COLOURS[one.key], pointRadius: 5, pointHoverRadius: 7, pointStyle: one.key === "held" ? "crossRot" : one.key === "supervised" ? "triangle" : "circle", borderColor: COLOURS[one.key], borderWidth: 2 })) },
    options: {
      scales: {
        x: { min: -1, max: 56, title: { display: true, text: "first completed week" }, ticks: { stepSize: 4 }, afterBuildTicks: (axis) => { axis.ticks = [0, 2, 4, 6, 8, 12, 16, 26, 52].map((value) => ({ value })); } },
        y: { min: -0.7, max: rows.length - 0.3, reverse: true, afterBuildTicks: (axis) => { axis.ticks = rows.map((_, value) => ({ value })); }, ticks: { callback: (value) => rows[value] ?? "" } },
      },
      plugins: {
        legend: { position: "bottom", labels: { usePointStyle: true, color: INK } },
        tooltip: { callbacks: { label: (item) => `${item.raw.name}: week ${item.raw.week}${item.raw.because ? ` (${item.raw.because})` : ""}` } },
        annotation: operation.week === null ? undefined : { annotations: { now: { type: "line", xMin: operation.week, xMax: operation.week, borderColor: INK, borderWidth: 1.5, borderDash: [4, 3], label: { display: true, content: `week ${operation.week}`, position: "end", backgroundColor: INK } } } },
      },
    },
  }, `${points.length} exercises by the week they are first allowed; the list follows as text`);
  const weeks = [...new Set(points.map((one) => one.week))].sort((a, b) => a - b);
  box.append(folded("The same as a list", h("ul", {}, weeks.map((week) => h("li", {}, h("strong", {}, `Week ${week}: `),
    points.filter((one) => one.week === week).map((one) => one.name + (one.state === "held" ? ` (held: ${one.because})` : one.state === "supervised" ? " (therapist)" : "")).join(", "))))));
  return box;
}

function measured(one) {
  const box = h("section", { "aria-label": one.name }, h("h3", {}, one.unit ? `${one.name} (${one.unit})` : one.name));
  const annotations = {};
  const days = one.points.map((point) => point.day);
  const lines = one.thresholds.filter((threshold, index, all) => all.findIndex((other) => other.value === threshold.value) === index);
  lines.forEach((threshold, index) => {
    annotations[`t${index}`] = {
      type: "line", yMin: threshold.value, yMax: threshold.value, borderColor: COLOURS[threshold.severity] ?? INK, borderWidth: 1.5, borderDash: [6, 4],
      ...(threshold.fromDay !== null && threshold.fromDay !== undefined ? { xMin: threshold.fromDay } : {}),
      ...(threshold.toDay !== null && threshold.toDay !== undefined ? { xMax: threshold.toDay } : {}),
      label: { display: true, content: `${threshold.value}`, position: "start", yAdjust: -8, padding: 1, backgroundColor: "rgba(255,255,255,0)", color: COLOURS[threshold.severity] ?? INK, font: { size: 11 } },
    };
  });
  const datasets = [{ label: "recorded", data: one.points.map((point) => ({ x: point.day, y: point.value })), borderColor: COLOURS.now, backgroundColor: COLOURS.now, tension: 0, pointRadius: 5, order: -1 }];
  if (one.expected?.length) datasets.push({ label: "expected course (guidance)", data: one.expected.map((point) => ({ x: point.day, y: point.value })), borderColor: COLOURS.later, backgroundColor: COLOURS.later, borderDash: [3, 3], pointRadius: 0, tension: 0.3 });
  chart(box, {
    type: "line",
    data: { datasets },
    options: {
      parsing: false,
      scales: { x: { type: "linear", min: Math.min(0, ...days), max: Math.max(14, Math.ceil(Math.max(...days) * 1.1)), title: { display: true, text: "day after the operation" } }, y: { grace: "15%", title: { display: Boolean(one.unit), text: one.unit } } },
      plugins: { legend: { position: "bottom", labels: { usePointStyle: true, color: INK } }, annotation: { annotations } },
    },
  }, `${one.name}: ${one.points.map((point) => `day ${point.day}: ${point.value}`).join(", ")}`);
  box.append(folded("The numbers", h("ul", {}, one.points.map((point) => h("li", {}, `day ${point.day} (${point.date}): ${point.value} ${one.unit}`))),
    h("ul", {}, one.thresholds.map((threshold) => h("li", {}, `${threshold.rule} ${threshold.severity}: ${threshold.words}`)))));
  return box;
}

export function showTimeline(place, picture, alerts) {
  charts.forEach((one) => one.destroy());
  charts = [];
  if (!picture?.operations?.length) {
    fill(place, h("p", { class: "hint" }, "There is no operation to place on a timeline."));
    return;
  }
  fill(place,
    alerts.length ? h("ul", { class: "marks" }, alerts.map((one) => h("li", { class: one.severity }, h("strong", {}, one.rule), ` ${one.because}`))) : null,
    picture.operations.map((operation) => h("div", {}, tracks(operation), unlocks(operation))),
    picture.charts.length ? h("div", { class: "charts" }, picture.charts.map(measured)) : h("p", { class: "hint" }, "No pain score, temperature or CRP was sent."));
}
