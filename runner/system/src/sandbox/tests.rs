use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn what_a_command_names_by_its_path_is_open_to_it() {
    let words = ["tool", "--model=/usr/lib", "cat '/usr/bin' ; ls /etc>x", "/no/such/path", "/", "usr/lib"]
        .map(str::to_owned);
    assert_eq!(named(&words), [PathBuf::from("/etc"), "/usr/bin".into(), "/usr/lib".into()]);
    assert!(named(&[home().to_string_lossy().into_owned()]).is_empty());
}

#[test]
fn a_section_gives_variables_and_an_unset_one_is_not_given() {
    let env = [("A", "{home}/x"), ("B", "{env:PITON_NO_SUCH_VARIABLE}"), ("C", "{target}:{env:PATH}:{odd")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let opens = Opens {
        read: &[],
        write: &[],
        env: &env,
        devices: &[],
        network: false,
        shared_memory: false,
        loopback: false,
    };
    let path = std::env::var("PATH").unwrap();
    let expected = [("A", home().join("x").into_os_string()), ("C", format!("/t:{path}:{{odd").into())];
    assert_eq!(asked_env(&opens, &[("target", "/t")]), expected.map(|(name, value)| (name.into(), value)));
}

#[test]
fn a_path_below_the_home_directory_is_found_there() {
    assert_eq!(placed("~/.cache/x"), home().join(".cache/x"));
    assert_eq!(placed("{home}/x"), home().join("x"));
    assert_eq!(placed("/data"), PathBuf::from("/data"));
}

#[test]
fn a_private_directory_is_made_anew_even_where_a_job_closed_it_to_its_own_user() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("private");
    private(&dir).unwrap();
    fs::create_dir_all(dir.join("closed/deep")).unwrap();
    fs::write(dir.join("closed/deep/file"), "left").unwrap();
    for path in ["closed/deep", "closed", ""] {
        fs::set_permissions(dir.join(path), fs::Permissions::from_mode(0o0)).unwrap();
    }
    private(&dir).unwrap();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn a_job_has_a_home_of_its_own_and_the_tools_of_the_user() {
    let env = private_env(
        vec![("HOME".into(), "/home/me".into()), ("PATH".into(), "/bin".into())],
        Path::new("/p"),
    );
    let of = |name: &str| {
        env.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("HOME"), of("PATH")), (vec!["/p".into()], vec!["/bin".into()]));
    assert_eq!(of("CARGO_HOME"), [cargo_home().into_os_string()]);
}
