//! What the kernel says of other processes: who started whom, what they hold, who listens.

use std::collections::BTreeSet;
use std::fs;

/// All processes that descend from this one.
pub fn below(process: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))
        })
        .collect();
    let mut all = vec![process];
    let mut at = 0;
    while let Some(of) = all.get(at).copied() {
        all.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    all.split_off(1)
}

/// The second field after the name, which stands in brackets and may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory that a process has held, in bytes; absent of one that has ended.
pub fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}

/// The sockets that listen on a port, on any address of this network, by their inodes.
pub fn listening(port: u16) -> BTreeSet<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| listeners(table, port)).collect()
}

/// The inodes of a table's listening sockets on a port: local address, state 0A, inode.
fn listeners(table: &str, port: u16) -> Vec<u64> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (_, at) = fields.next()?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        (u16::from_str_radix(at, 16).ok()? == port && state == "0A").then_some(inode)
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// Whether a process holds one of these sockets.
pub fn holds(process: u32, inodes: &BTreeSet<u64>) -> bool {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| {
        let link = link.to_string_lossy();
        let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

/// Who listens on a port, by its number and its command line; absent where nobody does, or the kernel does not say who.
pub fn listener(port: u16) -> Option<(u32, String)> {
    let inodes = listening(port);
    if inodes.is_empty() {
        return None;
    }
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.into_iter().find(|pid| holds(*pid, &inodes))?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    Some((pid, words.trim().to_owned()))
}

/// The control group of systemd that a process belongs to: its unit.
pub fn unit(process: u32) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let last =
        groups.lines().filter_map(|line| line.rsplit('/').next()).find(|name| name.ends_with(".service"))?;
    Some(last.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_on_a_port_is_known_by_the_socket_and_not_by_its_answer() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let inodes = listening(port);
        assert!(holds(std::process::id(), &inodes), "{inodes:?}");
        assert_eq!(listener(port).map(|(pid, _)| pid), Some(std::process::id()));
        drop(socket);
        assert_eq!((listening(port), listener(port)), (BTreeSet::new(), None));
    }

    #[test]
    fn a_connection_on_the_port_is_no_listener() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0 100 0 0 10 0\n\
             1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 42 1 0 20 4 30 10 -1\n";
        assert_eq!(listeners(table, 8080), [41]);
        assert_eq!(listeners(table, 8081), [] as [u64; 0]);
    }

    #[test]
    fn the_parent_stands_after_a_name_that_may_hold_anything() {
        assert_eq!(parent("12 (a) R) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a"), None);
    }
}
