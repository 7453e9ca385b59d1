//! Nothing that root may is left: another user where the paths allow it, and no capability in any case.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, capabilities_secure_bits,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use crate::policy::{Policy, Role};

/// The user that owns nothing, by every distribution's custom.
const NOBODY: u32 = 65534;

/// Gives up every capability, for good, and the user id 0 where `policy` still works without it.
///
/// # Errors
/// Where a capability is left.
pub(crate) fn drop_all(policy: &Policy, program: &Path) -> Result<(), String> {
    let failed = |what: &'static str| move |e: rustix::io::Errno| format!("{what}: {e}");
    set_no_new_privs(true).map_err(failed("no_new_privs was refused"))?;
    let had = capabilities(None).map_err(failed("its capabilities cannot be read"))?.effective;
    if had.contains(CapabilitySet::SETPCAP) {
        let bits = capabilities_secure_bits().unwrap_or(CapabilitiesSecureBits::empty());
        let locked = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
        set_capabilities_secure_bits(bits | locked).map_err(failed("the secure bits were refused"))?;
        for n in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << n);
            match remove_capability_from_bounding_set(one) {
                Ok(()) => {}
                // Past the last one that this kernel knows.
                Err(rustix::io::Errno::INVAL) => break,
                Err(e) => return Err(format!("capability {n} stays in the bounding set: {e}")),
            }
        }
    }
    let _ = clear_ambient_capability_set();
    if had.contains(CapabilitySet::SETUID | CapabilitySet::SETGID) && works_for_nobody(policy, program) {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_groups(&[])
            .and_then(|()| set_thread_res_gid(gid, gid, gid))
            .and_then(|()| set_thread_res_uid(uid, uid, uid))
            .map_err(failed("the user id 65534 was refused"))?;
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(failed("its capabilities stay"))?;
    match capabilities(None) {
        Ok(now) if now == none => Ok(()),
        now => Err(format!("capabilities are left: {now:?}")),
    }
}

/// Whether the program could do its work as a user that owns nothing: a worker, where all that it reads is open.
fn works_for_nobody(policy: &Policy, program: &Path) -> bool {
    policy.role == Role::Worker
        && rustix::process::getuid().is_root()
        && policy.write.is_empty()
        && policy
            .read
            .iter()
            .map(|path| &**path)
            .chain([program])
            .filter(|path| path.exists())
            .all(open_to_all)
}

/// Whether anyone may reach and read a path, and what lies directly in it.
fn open_to_all(path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.mode());
    let readable = |path: &Path| {
        let bits = if path.is_dir() { 0o005 } else { 0o004 };
        mode(path) & bits == bits
    };
    // The system's own directories hold many files, and some that are nobody's business.
    let below = real.is_dir() && !real.starts_with("/usr");
    let mut inside = std::fs::read_dir(&real).into_iter().filter(|_| below).flatten().flatten();
    readable(&real)
        && real.ancestors().skip(1).all(|above| mode(above) & 0o001 != 0)
        && inside.all(|entry| readable(&entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_path_is_open_to_all_only_where_every_directory_above_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(&file, 0o644);
        set(dir.path(), 0o755);
        assert!(open_to_all(&file));
        set(dir.path(), 0o700);
        assert!(!open_to_all(&file));
        set(dir.path(), 0o755);
        set(&file, 0o600);
        assert!(!open_to_all(&file) && !open_to_all(dir.path()));
    }
}
