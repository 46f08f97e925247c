// Play the EHR: take what a chart holds, fill the service's own prefetch templates, build the hook call.

const DAY = 86400000;

export const STATES = {
  send: "send it",
  null: "null: looked, nothing there",
  omit: "leave the key out",
  error: "OperationOutcome: could not",
  paged: "first page only, more to follow",
};

export function readBundle(text) {
  const value = JSON.parse(text);
  const entries = Array.isArray(value) ? value : value.resourceType === "Bundle"
    ? (value.entry ?? []).map((entry) => entry.resource).filter(Boolean)
    : [value];
  if (!entries.some((one) => one?.resourceType === "Patient")) {
    throw new Error("This holds no Patient resource; a Bundle with one Patient and that patient's resources is expected.");
  }
  return entries;
}

export const patientOf = (resources) => resources.find((one) => one.resourceType === "Patient");

export function operationDay(resources) {
  const days = resources
    .filter((one) => one.resourceType === "Procedure")
    .map((one) => (one.performedDateTime ?? one.performedPeriod?.start ?? one.occurrenceDateTime ?? "").slice(0, 10))
    .filter((day) => day.length === 10)
    .sort();
  return days.at(-1) ?? null;
}

export function addDays(day, count) {
  return new Date(Date.parse(day + "T00:00:00Z") + count * DAY).toISOString().slice(0, 10);
}

export const weeksBetween = (from, to) => Math.floor((Date.parse(to) - Date.parse(from)) / DAY / 7);

const RESOURCE_TYPE = /^([A-Za-z]+)[/?]/;

/** What an EHR's own search would have answered to a template, taken from the resources at hand. */
export function answerTemplate(template, resources, base) {
  const type = RESOURCE_TYPE.exec(template)?.[1];
  const found = resources.filter((one) => one.resourceType === type);
  if (template.includes("/")) return found[0] ?? null;
  const asked = template.slice(template.indexOf("?") + 1);
  return {
    resourceType: "Bundle",
    type: "searchset",
    total: found.length,
    link: [{ relation: "self", url: `${base}/${type}?${asked}` }],
    entry: found.map((resource) => ({ fullUrl: `${base}/${type}/${resource.id}`, resource })),
  };
}

function inState(state, value, base) {
  if (state === "null") return null;
  if (state === "error") {
    return {
      resourceType: "OperationOutcome",
      issue: [{ severity: "error", code: "timeout", diagnostics: "the EHR's own search did not answer" }],
    };
  }
  if (state === "paged" && value?.resourceType === "Bundle") {
    const half = Math.ceil(value.entry.length / 2);
    return { ...value, entry: value.entry.slice(0, half), link: [...value.link, { relation: "next", url: `${base}?_page=2` }] };
  }
  return value;
}

/** Build the whole hook call. *states* maps a prefetch key to one of STATES. */
export function buildCall({ service, resources, on, user, states, fhir, orders, extensionKey }) {
  const patient = patientOf(resources);
  const base = fhir?.url ?? "https://ehr.example.org/fhir";
  const context = { userId: user === "patient" ? `Patient/${patient.id}` : user, patientId: patient.id };
  if (["encounter-start", "encounter-discharge"].includes(service.hook)) context.encounterId = "workbench-encounter";
  if (["order-select", "order-sign"].includes(service.hook)) {
    context.draftOrders = { resourceType: "Bundle", type: "collection", entry: orders.map((resource) => ({ resource })) };
    if (service.hook === "order-select") context.selections = orders.map((one) => `${one.resourceType}/${one.id}`);
  }
  if (service.hook === "appointment-book") {
    context.appointments = { resourceType: "Bundle", type: "collection", entry: orders.map((resource) => ({ resource })) };
  }
  const prefetch = {};
  for (const [key, template] of Object.entries(service.prefetch ?? {})) {
    const state = states[key] ?? "send";
    if (state !== "omit") prefetch[key] = inState(state, answerTemplate(template, resources, base), base);
  }
  const call = { hook: service.hook, hookInstance: crypto.randomUUID(), context, prefetch, extension: { [extensionKey]: on } };
  if (fhir) {
    call.fhirServer = fhir.url;
    if (fhir.token) {
      call.fhirAuthorization = {
        access_token: fhir.token, token_type: "Bearer", expires_in: 300, scope: "patient/*.read", subject: "workbench", patient: patient.id,
      };
    }
  }
  return call;
}

/** Drafts for the order hooks (one that often clashes, one that fits, one for equipment), or proposed appointments. */
export function draftFor(hook, patient, on) {
  const subject = { reference: `Patient/${patient.id}` };
  if (hook === "appointment-book") {
    const visit = (id, days, serviceType) => ({
      resourceType: "Appointment", id, status: "proposed", serviceType: [serviceType],
      start: `${addDays(on, days)}T09:00:00Z`, end: `${addDays(on, days)}T09:45:00Z`,
      participant: [{ actor: subject, status: "needs-action" }],
    });
    return [
      visit("workbench-therapy", 3, {
        coding: [{ system: "http://snomed.info/sct", code: "91251008", display: "Physical therapy procedure" }], text: "Physiotherapy",
      }),
      visit("workbench-pool", 7, { text: "Hydrotherapy" }),
    ];
  }
  const order = (id, text) => ({
    resourceType: "ServiceRequest", id, status: "draft", intent: "order", subject, authoredOn: on,
    code: { coding: [{ system: "http://snomed.info/sct", code: "229065009", display: "Exercise therapy" }], text },
  });
  return [
    order("workbench-draft", "Home exercise: sit-ups and jogging"),
    order("workbench-fitting", "Deep breathing and short walks"),
    {
      resourceType: "DeviceRequest", id: "workbench-device", status: "draft", intent: "order", subject, authoredOn: on,
      codeCodeableConcept: { text: "Elliptical trainer for home" },
    },
  ];
}

export async function searchPatients(url, token, words) {
  const headers = { Accept: "application/fhir+json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const base = url.replace(/\/+$/, "");
  const ask = async (query) => {
    const answer = await fetch(`${base}/${query}`, { headers });
    if (!answer.ok) throw new Error(`The FHIR server answered ${answer.status} to ${query.split("?")[0]}`);
    return (await answer.json()).entry?.map((entry) => entry.resource).filter((one) => one?.resourceType === "Patient") ?? [];
  };
  const byId = await ask(`Patient?_id=${encodeURIComponent(words)}`).catch(() => []);
  return byId.length ? byId : ask(`Patient?name=${encodeURIComponent(words)}&_count=20`);
}

/** Read a patient's resources with the service's own templates, the way an EHR would prefetch. */
export async function readChart(url, token, patient, templates) {
  const headers = { Accept: "application/fhir+json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const base = url.replace(/\/+$/, "");
  const resources = [patient];
  for (const template of templates) {
    if (template.startsWith("Patient/")) continue;
    const query = template.replaceAll("{{context.patientId}}", encodeURIComponent(patient.id));
    if (query.includes("{{")) continue;
    const answer = await fetch(`${base}/${query}`, { headers });
    if (!answer.ok) continue;
    const bundle = await answer.json();
    resources.push(...(bundle.entry ?? []).map((entry) => entry.resource).filter((one) => one && one.resourceType !== "OperationOutcome"));
  }
  return resources;
}
