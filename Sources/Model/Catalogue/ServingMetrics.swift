// SPDX-License-Identifier: Apache-2.0

extension AgentMetrics {
    /// Answered requests, with `handler` and `code`.
    public static let httpRequests = MetricDescriptor(
        "ullage_http_requests_total", .counter,
        help: "Requests answered, by route and status code.")
    /// Finished queries, with `result`.
    public static let queries = MetricDescriptor(
        "ullage_queries_total", .counter,
        help: "Queries finished, by success, kind of error, or refused for want of room.")
    /// Time of all queries.
    public static let querySeconds = MetricDescriptor(
        "ullage_query_duration_seconds_total", .counter, unit: "seconds",
        help: "Time that finished queries took, waiting included.")
    /// Queries running or waiting.
    public static let queriesInFlight = MetricDescriptor(
        "ullage_queries_in_flight", .gauge, help: "Queries that run or wait for a thread.")

    /// Events of containers written down, with `event`.
    public static let events = MetricDescriptor(
        "ullage_container_events_total", .counter,
        help: "Events of containers written to the event log.")
    /// Events that could not be written.
    public static let eventsDropped = MetricDescriptor(
        "ullage_container_events_dropped_total", .counter,
        help: "Events of containers that could not be written to the event log.")
}
