// Render cards as an EHR does, and report what became of them.

import { asJson, fill, folded, h } from "./dom.js";

const markdown = window.markdownit({ html: false, linkify: false });

function rendered(text) {
  const box = h("div", { class: "markdown" });
  box.append(window.DOMPurify.sanitize(markdown.render(text), { RETURN_DOM_FRAGMENT: true }));
  box.querySelectorAll("a").forEach((link) => { link.rel = "noopener noreferrer"; link.target = "_blank"; });
  box.querySelectorAll("table").forEach((table) => {
    const wrap = h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "table" });
    table.replaceWith(wrap);
    wrap.append(table);
  });
  return box;
}

const WORDS = { info: "Information", warning: "Warning", critical: "Critical" };

function quantity(value) {
  return value ? `${value.value} ${value.unit ?? value.code ?? ""}`.trim() : "";
}

/** Tell a created resource in one line a clinician reads: what, for when, how. */
function orderLine(resource) {
  const what = resource.code?.text ?? resource.description?.text ?? resource.title ?? resource.code?.coding?.[0]?.display ?? resource.resourceType;
  const period = resource.occurrencePeriod ?? resource.period ?? {};
  const span = period.start ? `${period.start.slice(0, 10)} to ${period.end?.slice(0, 10) ?? "open"}` : resource.startDate ?? "";
  const target = resource.target?.map((one) => quantity(one.detailQuantity)).filter(Boolean).join(", ");
  return h("li", {},
    h("span", { class: "kind" }, resource.resourceType), " ",
    h("strong", {}, what), span ? ` · ${span}` : "", target ? ` · ${target}` : "",
    ` · ${resource.status ?? resource.lifecycleStatus ?? ""}`,
    resource.patientInstruction ? h("p", { class: "hint" }, resource.patientInstruction) : null,
    folded("as JSON", asJson(resource)));
}

export function orderView(actions) {
  const words = { create: "Created", update: "Updated", delete: "Deleted" };
  return h("div", {}, actions.map((action) => h("div", { class: "action" },
    h("p", {}, `${words[action.type] ?? action.type}: ${action.description}`),
    action.resource ? h("ul", { class: "orders" }, orderLine(action.resource)) : h("p", { class: "hint" }, action.resourceId ?? ""))));
}

export function cardView(card, { accept, override }) {
  const reasons = h("select", { "aria-label": "Reason for overriding" },
    h("option", { value: "" }, "reason …"),
    (card.overrideReasons ?? []).map((reason, index) => h("option", { value: String(index) }, reason.display ?? reason.code)));
  const comment = h("input", { "aria-label": "Comment", placeholder: "comment (no patient details)" });
  const said = h("p", { class: "hint", role: "status" });
  const source = card.source.url
    ? h("a", { href: card.source.url, target: "_blank", rel: "noopener noreferrer" }, card.source.label)
    : card.source.label;
  return h("article", { class: `card ${card.indicator}`, "data-uuid": card.uuid },
    h("header", {}, h("span", { class: "indicator" }, WORDS[card.indicator] ?? card.indicator), h("h3", {}, card.summary)),
    card.detail ? rendered(card.detail) : null,
    card.suggestions?.length ? h("div", { class: "suggestions" },
      card.suggestions.map((suggestion) => h("button", {
        type: "button",
        class: suggestion.isRecommended ? "primary" : "quiet",
        onclick: async () => { said.textContent = await accept(card, suggestion); },
      }, suggestion.label))) : null,
    card.links?.length ? h("p", { class: "links" }, card.links.flatMap((link) => [
      h("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, link.label), " "])) : null,
    h("details", { class: "override" }, h("summary", {}, "Override"),
      h("div", { class: "row" }, reasons, comment,
        h("button", {
          type: "button", class: "quiet",
          onclick: async () => {
            const reason = reasons.value === "" ? null : card.overrideReasons[Number(reasons.value)];
            said.textContent = await override(card, reason, comment.value.trim());
          },
        }, "Send"))),
    said,
    h("footer", {}, "Source: ", source));
}

export function showCards(place, cards, handlers) {
  fill(place, cards.map((card) => cardView(card, handlers)));
}
