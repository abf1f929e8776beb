// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model

/// Docker's images, from its state on disk: `image/DRIVER/repositories.json` has the names,
/// `imagedb/content/sha256/ID` the layers of each, `layerdb/sha256/CHAIN/{diff,parent,size}` the
/// sizes.
public enum DockerImages {
    private static let maxImages = 2000
    private static let maxLayers = 20_000

    private struct Layer {
        var diff: String
        var parent: String?
        var size: Int64
    }

    /// All images below `root`, by name. Empty where there are none or they may not be read.
    public static func list(root: String = "/var/lib/docker") -> [ContainerImage] {
        for driver in DirectoryListing.directories(root + "/image", limit: 8) ?? [] {
            let found = list(path: "\(root)/image/\(driver)")
            if !found.isEmpty { return found }
        }
        return []
    }

    private static func list(path: String) -> [ContainerImage] {
        guard let names = names(path),
            let content = try? ConfinedDirectory(
                path + "/imagedb/content/sha256")
        else { return [] }
        let layers = layers(path)
        var chains: [String: [String]] = [:]
        for id in DirectoryListing.files(path + "/imagedb/content/sha256", limit: maxImages)
        where EngineID.isValid(id) {
            guard let file = content.read(id, limit: 4 << 20),
                let json = JSONValue(file.bytes)
            else { continue }
            let diffs = json["rootfs"]["diff_ids"].array.compactMap(\.string)
            chains[id] = chain(of: diffs, layers)
        }
        var users: [String: Int] = [:]
        for chain in chains.values { for layer in chain { users[layer, default: 0] += 1 } }
        return chains.map { id, chain in
            var image = ContainerImage(id: id, names: (names[id] ?? []).sorted())
            image.bytes = chain.reduce(0) { $0 + (layers[$1]?.size ?? 0) }
            image.sharedBytes = chain.filter { users[$0, default: 0] > 1 }
                .reduce(0) { $0 + (layers[$1]?.size ?? 0) }
            image.layers = chain.count
            return image
        }.sorted { ($0.names.first ?? "~", $0.id) < ($1.names.first ?? "~", $1.id) }
    }

    private static func names(_ path: String) -> [String: Set<String>]? {
        guard let root = try? ConfinedDirectory(path),
            let file = root.read("repositories.json", limit: 16 << 20),
            let json = JSONValue(file.bytes)
        else { return nil }
        var result: [String: Set<String>] = [:]
        for (_, tags) in json["Repositories"].object {
            for (name, id) in tags.strings where !name.contains("@") {
                result[String(id.drop { $0 != ":" }.dropFirst()), default: []].insert(name)
            }
        }
        return result
    }

    private static func layers(_ path: String) -> [String: Layer] {
        let directory = path + "/layerdb/sha256"
        guard let root = try? ConfinedDirectory(directory) else { return [:] }
        func text(_ name: String) -> String? {
            root.read(name, limit: 256).map {
                String(decoding: $0.bytes, as: UTF8.self).filter { !$0.isWhitespace }
            }
        }
        var result: [String: Layer] = [:]
        for id in DirectoryListing.directories(directory, limit: maxLayers) ?? []
        where EngineID.isValid(id) {
            guard let diff = text(id + "/diff") else { continue }
            result[id] = Layer(
                diff: diff, parent: text(id + "/parent").map { String($0.suffix(64)) },
                size: text(id + "/size").flatMap { Int64($0) } ?? 0)
        }
        return result
    }

    /// The layers of an image, from the top down: the one whose own and whose parents' contents
    /// are those listed.
    private static func chain(of diffs: [String], _ layers: [String: Layer]) -> [String] {
        guard let top = diffs.last, diffs.count <= 256 else { return [] }
        for (id, layer) in layers where layer.diff == top {
            var chain = [id]
            var at = layer
            for diff in diffs.dropLast().reversed() {
                guard let parent = at.parent, let next = layers[parent], next.diff == diff else {
                    break
                }
                chain.append(parent)
                at = next
            }
            if chain.count == diffs.count, at.parent == nil { return chain }
        }
        return []
    }
}
