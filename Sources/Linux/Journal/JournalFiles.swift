// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Where journald keeps its files. The library passes over those that it may not open, and says
/// nothing.
public enum JournalFiles {
    /// A journal that this process may not read, of the host or in a directory; nil when there is
    /// none.
    public static func refused(in directory: String?) -> String? {
        let places = directory.map { [$0] } ?? ["/var/log/journal", "/run/log/journal"]
        for place in places {
            for path in [place]
                + (DirectoryListing.directories(place) ?? []).map({ "\(place)/\($0)" })
            {
                let file = path + "/system.journal"
                let descriptor = ul_open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
                if descriptor >= 0 {
                    close(descriptor)
                } else if errno == EACCES {
                    return file
                }
            }
        }
        return nil
    }
}
