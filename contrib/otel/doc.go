// Package otel records what a client does as spans and metrics of OpenTelemetry. It is a module of its own, so that the
// library does not depend on OpenTelemetry. Its name is that of OpenTelemetry's own package: import it as actitootel.
//
//	hooks, err := actitootel.Hooks(tracers, meters)
//	client, err := actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithHooks(hooks))
//
// # Spans
//
// A call is a span of kind client, named by its operation, such as "upsert profile", with actito.attempts, and one span of
// kind client in it for each request that it sends, named by method and path template, under the semantic conventions for
// HTTP clients: http.request.method, url.template, server.address, server.port, http.response.status_code, error.type,
// http.request.resend_count. A request for a token is a span by itself, since all calls share it. An error is recorded
// by its class or status (error.type), never by its text.
//
// No trace context is sent to Actito: it is another company's service.
//
// # Metrics
//
// All are in docs/observability.md, with attributes. Attributes are operations, path templates, classes, states,
// statuses, ids of ETLs and names of lanes: none holds a path, key, value or address of a person.
package otel
