// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import HTTPAPI
import Linux
import Model
import PromQL
import SeriesStore

/// What the HTTP API is given, and what it says of itself.
enum Serving {
    static func services(
        _ configuration: Configuration, _ sampling: Sampling, _ watch: HostWatch
    ) -> Services {
        var options = Engine.Options()
        options.lookback = configuration.lookback
        options.maxSamples = Int(configuration.maxSamples)
        options.maxSeries = Int(configuration.maxQuerySeries)
        var services = Services(
            engineOptions: options, querier: sampling.store, exposition: sampling.store,
            containers: { sampling.stats }, notReady: { sampling.notReady },
            version: AgentVersion.number)
        watch.install(in: &services, sampling)
        let hierarchies = CgroupHierarchies()
        services.processes = { ProcessList.inCgroup($0, of: hierarchies) }
        let bounds = configuration.serving
        services.limits.queryTimeout = bounds.queryTimeout
        services.limits.concurrency = Int(bounds.queryConcurrency)
        services.limits.queue = Int(bounds.queryQueue)
        services.limits.maxBody = Int(bounds.maxBody)
        services.limits.maxConnections = Int(bounds.maxConnections)
        let started = Clock.realtimeMilliseconds()
        services.status = {
            var status = AgentStatus()
            status.started = started
            status.configRead = sampling.configRead ?? started
            status.reloadSucceeded = sampling.isReloadSucceeded
            status.quarantined = Int64(sampling.store.statistics().quarantined)
            status.retention = "\(configuration.retention / 3_600_000)h"
            status.flags = [
                ("data_dir", configuration.dataDirectory),
                ("listen", "\(configuration.listen.host):\(configuration.listen.port)"),
                ("query.lookback", "\(configuration.lookback)ms"),
                ("query.max_samples", "\(configuration.maxSamples)"),
                ("sampling.interval", "\(configuration.samplingInterval)ms"),
                ("store.retention", "\(configuration.retention)ms"),
                ("store.max_size", "\(configuration.maxSize)"),
            ]
            status.configuration = status.flags.map { "\($0.0): \($0.1)\n" }.joined()
            return status
        }
        let counters = services.counters
        sampling.addReadings { readings(counters.snapshot) }
        return services
    }

    private static func readings(_ counts: ServingCounters.Snapshot) -> [SelfReading] {
        var readings = [
            SelfReading(AgentMetrics.querySeconds, [:], counts.querySeconds),
            SelfReading(AgentMetrics.queriesInFlight, [:], Double(counts.inFlight)),
            SelfReading(AgentMetrics.queries, ["result": "refused"], Double(counts.refused)),
        ]
        for (request, count) in counts.requests {
            readings.append(
                SelfReading(
                    AgentMetrics.httpRequests,
                    ["handler": request.handler, "code": String(request.code)], Double(count)))
        }
        for (result, count) in counts.queries {
            readings.append(SelfReading(AgentMetrics.queries, ["result": result], Double(count)))
        }
        return readings
    }
}
