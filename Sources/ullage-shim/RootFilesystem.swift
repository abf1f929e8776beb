// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The container's root: an overlay of the image's directory and the container's own layer.
enum RootFilesystem {
    private static let cloneTree: UInt32 = 1  // OPEN_TREE_CLONE

    /// Gives the shim a mount namespace of its own that still follows the host's unmounts, so that
    /// a running container never keeps a host's disk busy. The holder must be made after this:
    /// its copy of the namespace becomes the container's.
    static func separate(_ spec: Spec) {
        guard unshare(CLONE_NEWNS) == 0,
            mount("", "/", "", UInt(MS_REC) | UInt(MS_SLAVE), nil) == 0
        else { Launcher.fail("making a mount namespace", spec) }
    }

    /// Mounts the overlay at `merged`.
    ///
    /// The lower directory is mapped through the holder's user namespace: what root owns in the
    /// image, the container's root owns inside. File systems that cannot be mapped (tmpfs before
    /// Linux 6.3) are used as they are; their files then show an unknown owner.
    static func mountOverlay(_ spec: Spec, userNamespaceOf holder: pid_t) {
        let rootfs = spec.value("rootfs")
        let isMapped = mountMapped(rootfs, holder)
        var options = Message()
        options.add("lowerdir=")
        if isMapped { options.add("lower") } else { addEscaped(rootfs, to: &options) }
        options.add(",upperdir=upper,workdir=work")
        guard options.count < Message.capacity - 1,
            mount("overlay", "merged", "overlay", 0, options.cString()) == 0
        else { Launcher.fail("mounting the root file system", spec) }
        options.free()
    }

    /// Takes the mounts out of the shim's view once the container has its own.
    static func leaveToContainer() {
        umount2("merged", Int32(MNT_DETACH))
        umount2("lower", Int32(MNT_DETACH))
    }

    private static func mountMapped(_ rootfs: UnsafePointer<CChar>, _ holder: pid_t) -> Bool {
        var path = Message()
        path.add("/proc/")
        path.add(Int64(holder))
        path.add("/ns/user")
        let namespace = ul_open(path.cString(), O_RDONLY | O_CLOEXEC, 0)
        path.free()
        guard namespace >= 0 else { return false }
        defer { close(namespace) }
        let tree = ul_open_tree(rootfs, cloneTree | UInt32(O_CLOEXEC))
        guard tree >= 0 else { return false }
        defer { close(tree) }
        return ul_idmap_tree(tree, namespace) == 0 && ul_move_mount(tree, "lower") == 0
    }

    /// Overlay's option syntax gives colons, commas and backslashes a meaning.
    private static func addEscaped(_ path: UnsafePointer<CChar>, to options: inout Message) {
        for i in 0..<strlen(path) {
            let byte = UInt8(bitPattern: path[i])
            let isSpecial =
                byte == UInt8(ascii: ":") || byte == UInt8(ascii: ",")
                || byte == UInt8(ascii: "\\")
            if isSpecial { options.add(UInt8(ascii: "\\")) }
            options.add(byte)
        }
    }
}
