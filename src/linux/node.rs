//! This node: its name, its addresses, its mounts.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// Sets what [`name`] gives from now on: a cluster may know this node by a name that is not the host
/// name, such as a Pacemaker Remote node. Only the first call counts.
pub fn set_name(name: String) {
    let _ = NAME.set(name);
}

/// The name of this node: as it was set, else the host name (gethostname(2)).
pub fn name() -> String {
    NAME.get().cloned().unwrap_or_else(host_name)
}

/// The host name of this node (gethostname(2)).
pub fn host_name() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| "localhost".to_owned(), |n| n.to_string_lossy().into_owned())
}

/// Whether systemd runs this node (sd_booted(3)).
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The PID namespace of this process, by a name that is unique on this node.
///
/// # Errors
/// If /proc is not mounted.
pub fn pid_namespace() -> io::Result<String> {
    Ok(fs::read_link("/proc/self/ns/pid")?.display().to_string())
}

/// The addresses of all interfaces of this node that are up.
///
/// # Errors
/// As getifaddrs(3).
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    Ok(interfaces()?.into_iter().map(|(_, address)| address).collect())
}

/// The interfaces that are up, each with one of its addresses.
///
/// # Errors
/// As getifaddrs(3).
pub fn interfaces() -> io::Result<Vec<(String, IpAddr)>> {
    use nix::net::if_::InterfaceFlags;
    Ok(nix::ifaddrs::getifaddrs()?
        .filter(|i| i.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|i| {
            let address = i.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            let v6 = || address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()));
            Some((i.interface_name, v4.or_else(v6)?))
        })
        .collect())
}

/// The mount points of this mount namespace, in the order in which they were mounted.
///
/// # Errors
/// If /proc is not mounted.
pub fn mount_points() -> io::Result<Vec<PathBuf>> {
    Ok(parse_mountinfo(&fs::read("/proc/self/mountinfo")?))
}

/// Whether `path` can be looked at without waiting for a disk or a server that `own` does not need: each
/// mount that `path` lies in is in memory, or `own` lies in it too. `path` must hold no link.
///
/// # Errors
/// If /proc is not mounted.
pub fn needs_no_other_disk(path: &Path, own: &Path) -> io::Result<bool> {
    let text = super::proc::whole("/proc/self/mountinfo")?;
    let mounts = parse_mountinfo(&text).into_iter().zip(parse_kinds(&text));
    Ok(mounts
        .filter(|(mount, _)| path.starts_with(mount))
        .all(|(mount, kind)| own.starts_with(&mount) || kind == b"tmpfs" || kind == b"ramfs"))
}

/// The type of each file system, in the order of [`parse_mountinfo`].
pub fn parse_kinds(bytes: &[u8]) -> Vec<Vec<u8>> {
    let kind = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        // A line has a mount point if and only if it has so many fields.
        (fields.len() > 4).then(|| fields.get(dash + 1).map_or_else(Vec::new, |k| k.to_vec()))
    };
    bytes
        .split(|&b| b == b'\n')
        .filter(|line| line.split(|&b| b == b' ').nth(4).is_some())
        .map(|line| kind(line).unwrap_or_default())
        .collect()
}

/// Whether `path` is the root of a mount. Does not touch what is mounted there, as that may hang; links
/// in `path` are therefore not followed.
///
/// # Errors
/// If /proc is not mounted.
pub fn is_mount_point(path: &Path) -> io::Result<bool> {
    // Component by component, so that a slash at the end or a double one does not matter.
    Ok(mount_points()?.iter().any(|mount| mount.components().eq(path.components())))
}

/// The mount points in the text of /proc/PID/mountinfo.
pub fn parse_mountinfo(bytes: &[u8]) -> Vec<PathBuf> {
    bytes
        .split(|&b| b == b'\n')
        .filter_map(|line| line.split(|&b| b == b' ').nth(4))
        .map(|field| PathBuf::from(OsString::from_vec(unescape(field))))
        .collect()
}

// Blanks, newlines and backslashes stand as three octal digits: proc_pid_mountinfo(5).
pub(super) fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

/// Whether this process could execute the file at `path` (a plain file with an x bit).
///
/// # Errors
/// The reason why not, as access(2) gives it.
pub fn check_executable(path: &Path) -> io::Result<()> {
    let there = fs::metadata(path)?;
    if !there.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK)?;
    Ok(())
}

/// A name that no other process can predict.
pub fn random_name() -> String {
    let mut bytes = [0u8; 8];
    if fs::File::open("/dev/urandom")
        .and_then(|mut f| io::Read::read_exact(&mut f, &mut bytes))
        .is_err()
    {
        bytes = crate::values::Moment::now()
            .since(crate::values::Moment::since_boot(std::time::Duration::ZERO))
            .as_nanos()
            .to_le_bytes()[..8]
            .try_into()
            .unwrap_or_default();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_is_read_with_its_escapes() {
        let text =
            b"36 35 98:0 /mnt1 /mnt/with\\040blank rw,noatime master:1 - ext3 /dev/root rw\n\
                     37 35 98:0 / /mnt/b\\134s rw - ext3 /dev/root rw\n";
        let expected = [PathBuf::from("/mnt/with blank"), PathBuf::from("/mnt/b\\s")];
        assert_eq!(parse_mountinfo(text), expected);
    }

    #[test]
    fn the_kind_of_each_mount_stands_at_its_place() {
        let text = b"36 35 98:0 / /mnt rw master:1 shared:2 - ext3 /dev/root rw\nx y\n\
                     37 35 0:5 / /mnt/b rw - fuse.sshfs far rw\n";
        assert_eq!(parse_kinds(text), [b"ext3".to_vec(), b"fuse.sshfs".to_vec()]);
        assert_eq!(parse_mountinfo(text).len(), 2);
        assert!(needs_no_other_disk(Path::new("/usr/lib"), Path::new("/usr/share")).unwrap());
        assert!(!needs_no_other_disk(Path::new("/proc/1"), Path::new("/usr")).unwrap());
    }

    #[test]
    fn the_root_is_a_mount_and_a_plain_folder_is_none() {
        assert!(is_mount_point(Path::new("/proc")).unwrap());
        assert!(is_mount_point(Path::new("/proc/")).unwrap());
        assert!(!is_mount_point(Path::new("/usr/share")).unwrap());
    }

    #[test]
    fn loopback_is_here() {
        assert!(addresses().unwrap().iter().any(IpAddr::is_loopback));
    }
}
