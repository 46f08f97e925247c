// The reasons behind an answer, from the service's explain route.

import { asJson, folded, h, fill } from "./dom.js";

function evidence(list) {
  if (!list?.length) return null;
  return h("ul", { class: "evidence" }, list.map((one) => h("li", {},
    typeof one === "string" ? one : [one.what, one.value, one.date, one.code ? `${one.system ?? ""} ${one.code}`.trim() : null, one.reference].filter(Boolean).join(" · "))));
}

function because(value) {
  return Array.isArray(value) ? h("ul", {}, value.map((one) => h("li", {}, one))) : h("p", {}, value ?? "");
}

function table(caption, columns, rows) {
  if (!rows.length) return h("p", { class: "hint" }, `${caption}: none.`);
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell ?? "")))))));
}

export function showWhy(place, explained) {
  const operations = explained.operations.map((one) => h("div", { class: "operation" },
    h("h3", {}, `${one.surgeryType}${one.levels?.length ? ", " + one.levels.join(", ") : ""}`),
    h("p", {}, [
      one.date ? `operated ${one.date}` : "no date recorded",
      one.postOpDay === null || one.postOpDay === undefined ? null : `day ${one.postOpDay}`,
      one.completedWeek === null || one.completedWeek === undefined ? null : `completed week ${one.completedWeek}`,
      one.effectiveWeek !== one.completedWeek && one.effectiveWeek !== null ? `counted as week ${one.effectiveWeek}` : null,
      one.phase ? `phase ${one.phase}` : null, one.region, `basis: ${one.basis}`].filter(Boolean).join(" · ")),
    one.because ? because(one.because) : null,
    one.alternatives?.length ? h("p", { class: "hint" }, `Alternatives: ${one.alternatives.join("; ")}`) : null,
    evidence(one.evidence)));
  const alerts = explained.alerts.map((one) => h("div", { class: `alert ${one.severity}` },
    h("p", {}, h("strong", {}, one.rule), ` ${one.severity}, ${one.effect}: ${one.because}`), evidence(one.evidence)));
  const silent = (explained.trace ?? []).map((one) => [one.rule, one.answer, one.because]);
  fill(place,
    h("h3", { class: "visually-hidden" }, "Operations"), operations.length ? operations : h("p", { class: "hint" }, "No spine operation was found in what was sent."),
    explained.effect ? h("p", {}, "Effect of the alerts: ", h("strong", {}, explained.effect)) : null,
    alerts,
    folded(`Could not be known (${explained.unknown.length})`, table("Unknown", ["rule", "because"], explained.unknown.map((one) => [one.rule, one.because]))),
    folded(`Data quality (${explained.dataQuality.length})`, table("Data quality", ["rule", "severity", "because"], explained.dataQuality.map((one) => [one.rule, one.severity, one.because]))),
    folded(`Rules that stayed silent (${silent.length})`, table("Silent rules", ["rule", "answer", "because"], silent)),
    folded(`Exercises withheld (${explained.withheld.length})`, table("Withheld", ["exercise", "rule", "because"], explained.withheld.map((one) => [one.exercise.replaceAll("_", " "), one.rule, one.because]))),
    folded(`Exercises allowed (${explained.exercises.length + explained.supervised.length})`,
      h("p", {}, explained.exercises.map((one) => one.replaceAll("_", " ")).join(", ") || "none"),
      explained.supervised.length ? h("p", {}, "With a therapist only: " + explained.supervised.map((one) => one.replaceAll("_", " ")).join(", ")) : null),
    folded("The whole trace as JSON", asJson(explained)));
}
