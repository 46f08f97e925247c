// The workbench: state of the page and the four public routes it talks to (discovery, service, feedback, explain).

import { asJson, byId, fill, folded, h } from "./dom.js";
import { addDays, answerTemplate, buildCall, draftFor, operationDay, patientOf, readBundle, readChart, searchPatients, STATES, weeksBetween } from "./ehr.js";
import { orderView, showCards } from "./cards.js";
import { showTimeline } from "./timeline.js";
import { showWhy } from "./why.js";

const EXTENSION_KEY = "org.spine-cds.on";
const chart = { resources: [], accepted: [], fhir: null };
const states = {};
let services = [];
let examples = [];

const service = () => services.find((one) => one.hook === byId("hook").value);

async function getJson(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

async function postJson(url, body) {
  const started = performance.now();
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, milliseconds: Math.round(performance.now() - started), body: text ? JSON.parse(text) : null };
}

function trouble(message) {
  byId("trouble").textContent = message ?? "";
}

function outcomeWords(body) {
  const issues = body?.issue?.map((issue) => issue.diagnostics ?? issue.details?.text ?? issue.code) ?? [];
  return issues.join(" · ");
}

// ---- the patient -------------------------------------------------------------------------------------------

function usePatient(resources, fhir = null) {
  chart.resources = resources;
  chart.accepted = [];
  chart.fhir = fhir;
  fill(byId("accepted"));
  const patient = patientOf(resources);
  const name = patient.name?.[0];
  const day = operationDay(resources);
  byId("patient-line").textContent = [
    name?.text ?? [name?.given?.join(" "), name?.family].filter(Boolean).join(" ") ?? patient.id,
    patient.gender, patient.birthDate ? `born ${patient.birthDate}` : null, `${resources.length} resources`, day ? `last procedure ${day}` : null,
  ].filter(Boolean).join(" · ");
  byId("week").disabled = day === null;
  weekFromDate();
}

async function useExample(id) {
  const example = examples.find((one) => one.id === id);
  const bundle = await getJson(`/workbench/fixtures/${example.file}`);
  byId("example-about").textContent = example.shows;
  byId("on").value = example.on;
  usePatient(bundle.entry.map((entry) => entry.resource));
}

function weekFromDate() {
  const day = operationDay(chart.resources);
  const week = day === null ? null : weeksBetween(day, byId("on").value);
  byId("week-out").textContent = week === null ? "no operation date" : String(week);
  if (week !== null) byId("week").value = Math.max(0, Math.min(60, week));
}

function dateFromWeek() {
  const day = operationDay(chart.resources);
  if (day === null) return;
  byId("on").value = addDays(day, Number(byId("week").value) * 7);
  byId("week-out").textContent = byId("week").value;
}

// ---- the call ----------------------------------------------------------------------------------------------

function currentCall() {
  const on = byId("on").value;
  const hook = service().hook;
  const orders = ["order-select", "order-sign", "appointment-book"].includes(hook) ? draftFor(hook, patientOf(chart.resources), on) : [];
  return buildCall({
    service: service(), resources: [...chart.resources, ...chart.accepted], on, user: byId("user").value, states,
    fhir: chart.fhir, orders, extensionKey: EXTENSION_KEY,
  });
}

function asCurl(call) {
  const body = JSON.stringify(call).replaceAll("'", "'\\''");
  return `curl -s -X POST '${location.origin}/cds-services/${service().id}' -H 'Content-Type: application/json' --data-binary '${body}'`;
}

async function ask() {
  trouble();
  if (!chart.resources.length || !byId("on").value) return;
  const call = currentCall();
  const url = `/cds-services/${service().id}`;
  document.body.classList.add("asking");
  try {
    const [answer, explained] = await Promise.all([postJson(url, call), postJson("/explain", call)]);
    show(call, url, answer, explained);
  } catch (error) {
    trouble(`The service could not be asked: ${error.message}`);
  } finally {
    document.body.classList.remove("asking");
  }
}

function show(call, url, answer, explained) {
  const cards = answer.body?.cards ?? [];
  byId("cards-line").textContent = answer.status === 200
    ? `${cards.length === 0 ? "No card: nothing to say" : cards.length === 1 ? "1 card" : `${cards.length} cards`} · ${answer.milliseconds} ms`
    : `The service answered ${answer.status}: ${outcomeWords(answer.body)}`;
  showCards(byId("cards"), cards, { accept, override });
  if (explained.status === 200) {
    showWhy(byId("why"), explained.body);
    showTimeline(byId("timeline"), explained.body.picture, explained.body.alerts);
  } else {
    fill(byId("why"), h("p", {}, `The explanation was refused (${explained.status}): ${outcomeWords(explained.body)}`));
    fill(byId("timeline"), h("p", { class: "hint" }, "No timeline without an explanation."));
  }
  const copied = h("span", { class: "hint", role: "status" });
  fill(byId("wire"),
    h("p", {}, h("button", {
      type: "button", class: "quiet",
      onclick: async () => { await navigator.clipboard.writeText(asCurl(call)); copied.textContent = " copied"; },
    }, "Copy as curl"), copied),
    folded(`POST ${url}`, asJson(call)),
    folded(`${answer.status}, ${answer.milliseconds} ms`, asJson(answer.body)));
}

// ---- what becomes of a card --------------------------------------------------------------------------------

async function feedback(entry) {
  const answer = await postJson(`/cds-services/${service().id}/feedback`, { feedback: [{ ...entry, outcomeTimestamp: new Date().toISOString() }] });
  return answer.status === 200 ? "feedback stored" : `feedback refused (${answer.status}): ${outcomeWords(answer.body)}`;
}

async function accept(card, suggestion) {
  const created = suggestion.actions?.filter((action) => action.resource).map((action) => action.resource) ?? [];
  const gone = suggestion.actions?.filter((action) => action.type === "delete").map((action) => action.resourceId) ?? [];
  const keep = (one) => !gone.includes(`${one.resourceType}/${one.id}`) && !created.some((other) => other.resourceType === one.resourceType && other.id === one.id);
  chart.resources = chart.resources.filter(keep);
  chart.accepted = [...chart.accepted.filter(keep), ...created];
  const said = await feedback({ card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
  const view = h("section", { class: "accepted", "aria-label": "Accepted suggestion" },
    h("h3", {}, `Accepted: ${suggestion.label}`),
    suggestion.actions?.length ? orderView(suggestion.actions) : h("p", {}, "This suggestion carries no order."),
    h("p", { class: "hint" }, "The chart of this page now holds these resources; ask again and nothing is offered twice."),
    h("button", { type: "button", class: "quiet", onclick: ask }, "Ask again"));
  fill(byId("accepted"), view);
  return said;
}

async function override(card, reason, comment) {
  const why = {};
  if (reason) why.reason = { code: reason.code, system: reason.system, display: reason.display };
  if (comment) why.userComment = comment;
  return feedback({ card: card.uuid, outcome: "overridden", ...(Object.keys(why).length ? { overrideReason: why } : {}) });
}

// ---- the controls ------------------------------------------------------------------------------------------

function showPrefetch() {
  const keys = Object.entries(service().prefetch ?? {});
  fill(byId("prefetch"), keys.map(([key, template]) => {
    const choice = h("select", { id: `state-${key}`, onchange: (event) => { states[key] = event.target.value; ask(); } },
      Object.entries(STATES).map(([value, words]) => h("option", { value, selected: (states[key] ?? "send") === value }, words)));
    const found = chart.resources.length ? answerTemplate(template, [...chart.resources, ...chart.accepted], "") : null;
    const count = found?.entry ? `${found.entry.length}` : found ? "1" : "0";
    return h("tr", {}, h("th", { scope: "row" }, h("label", { for: `state-${key}` }, `${key} (${count})`)), h("td", {}, choice));
  }));
}

function chooseTab(tab) {
  for (const one of document.querySelectorAll("[role=tab]")) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    byId(one.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function wireTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => chooseTab(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      chooseTab(next);
      next.focus();
    });
  });
}

function useText(text) {
  try {
    usePatient(readBundle(text));
    showPrefetch();
    ask();
  } catch (error) {
    trouble(error instanceof SyntaxError ? `This is not JSON: ${error.message}` : error.message);
  }
}

function wireServer() {
  byId("fhir-search").addEventListener("click", async () => {
    trouble();
    const url = byId("fhir-url").value.trim();
    const token = byId("fhir-token").value.trim();
    try {
      const patients = await searchPatients(url, token, byId("fhir-name").value.trim());
      fill(byId("fhir-found"), patients.length ? patients.map((patient) => h("li", {}, h("button", {
        type: "button", class: "quiet",
        onclick: async () => {
          usePatient(await readChart(url, token, patient, Object.values(service().prefetch ?? {})), { url: url.replace(/\/+$/, ""), token });
          showPrefetch();
          ask();
        },
      }, `${patient.name?.[0]?.text ?? [patient.name?.[0]?.given?.join(" "), patient.name?.[0]?.family].filter(Boolean).join(" ")} (${patient.id})`))) : h("li", {}, "No patient found."));
    } catch (error) {
      trouble(`${error.message}. Is the address right, and does the server allow this page (CORS)?`);
    }
  });
}

async function start() {
  wireTabs();
  wireServer();
  byId("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  byId("on").addEventListener("change", () => { weekFromDate(); ask(); });
  byId("week").addEventListener("input", dateFromWeek);
  byId("week").addEventListener("change", ask);
  byId("hook").addEventListener("change", () => { showPrefetch(); ask(); });
  byId("user").addEventListener("change", ask);
  byId("bundle-use").addEventListener("click", () => useText(byId("bundle-text").value));
  byId("bundle-file").addEventListener("change", async (event) => { if (event.target.files[0]) useText(await event.target.files[0].text()); });
  byId("example").addEventListener("change", async (event) => { await useExample(event.target.value); showPrefetch(); ask(); });

  const [discovery, version, index] = await Promise.all([getJson("/cds-services"), getJson("/version"), getJson("/workbench/fixtures/index.json")]);
  services = discovery.services;
  examples = index.patients;
  byId("version").textContent = `knowledge ${version.knowledge.version}${version.knowledge.protocols.draft ? ", draft" : ""} · service ${version.service}`;
  fill(byId("hook"), services.map((one) => h("option", { value: one.hook }, `${one.hook}: ${one.title}`)));
  byId("hook").value = "patient-view";
  fill(byId("example"), examples.map((one) => h("option", { value: one.id }, one.title)));
  const wanted = new URLSearchParams(location.search).get("example");
  const first = examples.find((one) => one.id === wanted) ?? examples[0];
  byId("example").value = first.id;
  await useExample(first.id);
  showPrefetch();
  await ask();
}

start().catch((error) => trouble(`The workbench could not start: ${error.message}`));
