//! What Cargo.toml promises: each dependency has its reason, and the published crate holds what it must.

use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The dependencies without a comment above them.
fn without_a_reason(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut is_dependency, mut before) = (false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.contains("dependencies");
        } else if is_dependency && !line.is_empty() && !line.starts_with('#') {
            found.extend((!before.starts_with("# ")).then_some(line));
        }
        before = line;
    }
    found
}

#[test]
fn each_dependency_has_its_reason() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    assert_eq!(without_a_reason(&manifest), [""; 0]);
    let bare =
        "[dependencies]\n# One reason.\na = \"1\"\nb = \"1\"\n\n[dev-dependencies]\nc = \"1\"\n";
    assert_eq!(without_a_reason(bare), ["b = \"1\"", "c = \"1\""]);
}

#[test]
fn the_published_crate_holds_what_it_must() {
    // A crate that is unpacked somewhere else has no .git, and cargo lists all files then.
    let listed = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let has = |path: &str| listed.lines().any(|line| line == path);
    for path in [
        // Without it the program is not static.
        ".cargo/config.toml",
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "CHANGELOG.md",
        "docs/packaging.md",
        "packaging/install",
        "packaging/siteward.spec",
        "ocf/resource-agents-deps.conf",
        "crs/add-type.sh",
        "serviceguard/external_script.sh",
        "examples/shop/shop.yaml",
    ] {
        assert!(has(path), "{path} is not in the crate");
    }
    for folder in ["man", "completions", "schema"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            assert!(has(&path), "{path} is not in the crate");
        }
    }
    let surplus = |line: &&str| line.starts_with(".ci/") || line.starts_with("dist/");
    assert_eq!(listed.lines().find(surplus), None);
}
