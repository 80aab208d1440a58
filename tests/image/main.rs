//! `deploy/oci-archive`: the archive that containerd, podman and docker load. `make test-image` does the same with the
//! real binary, and with those three where they are installed.

#![expect(clippy::expect_used, reason = "a test that cannot read the archive has failed, and says so")]

mod archive;
mod sbom;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use archive::{AMD64, Archive, ArchiveCommand, program, tar};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[test]
fn every_blob_has_the_digest_and_the_size_that_it_is_named_by_and_none_is_left_over() {
    for archive in [Archive::of_amd64(), Archive::of_both()] {
        let mut named = BTreeSet::new();
        for descriptor in archive.descriptors(&archive.json("index.json")) {
            let bytes = fs::read(archive.blob(&descriptor)).expect("a blob");
            assert_eq!(descriptor["digest"], digest(&bytes));
            assert_eq!(descriptor["size"], bytes.len());
            named.insert(archive.blob(&descriptor));
        }
        let present = fs::read_dir(archive.path("blobs/sha256")).expect("blobs");
        assert_eq!(named, present.map(|entry| entry.expect("an entry").path()).collect());
    }
}

/// The content of a tar file, in columns: mode, owner, size, day, time, name.
fn listed(file: &Path) -> Vec<Vec<String>> {
    let listed = tar(&["--numeric-owner", "--full-time", "--utc", "-tvf"], file);
    listed.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn nothing_has_an_owner_or_a_time_of_this_machine() {
    let archive = Archive::of_amd64();
    let layer = archive.blob(&archive.image().0["layers"][0]);
    for entry in [archive.path("image.tar"), layer].iter().flat_map(|file| listed(file)) {
        assert_eq!((&*entry[1], &*entry[3], &*entry[4]), ("0/0", "2023-11-14", "22:13:20"), "{entry:?}");
    }
}

#[test]
fn there_is_one_layer_with_the_binary_and_nothing_else() {
    let archive = Archive::of_amd64();
    let (manifest, config) = archive.image();
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    let layer = archive.blob(&manifest["layers"][0]);
    let listed = listed(&layer);
    let [entry] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&*entry[0], &*entry[5]), ("-rwxr-xr-x", "egressd"));
    assert_eq!(tar(&["--to-stdout", "-xf"], &layer).as_bytes(), program(AMD64));
    let mut unpacked = Vec::new();
    GzDecoder::new(File::open(layer).expect("a layer")).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&unpacked)]));
}

#[test]
fn it_starts_as_the_image_of_the_dockerfile_does() {
    let (_, config) = Archive::of_amd64().image();
    let dockerfile = fs::read_to_string(deploy().join("Dockerfile")).expect("Dockerfile");
    let (_, last) = dockerfile.rsplit_once("\nFROM scratch\n").expect("the stage that is the image");
    let instruction = |name: &str| last.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    for (key, name) in [("Entrypoint", "ENTRYPOINT"), ("Cmd", "CMD")] {
        assert_eq!(instruction(name).expect(name).replace(' ', ""), config["config"][key].to_string());
    }
    for (key, name) in [("User", "USER"), ("Env", "ENV"), ("ExposedPorts", "EXPOSE")] {
        assert_eq!((instruction(name), &config["config"][key]), (None, &Value::Null));
    }
}

#[test]
fn its_labels_say_what_it_is_and_where_it_comes_from() {
    let (_, config) = Archive::of_amd64().image();
    let label = |name: &str| config["config"]["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), env!("CARGO_PKG_NAME"));
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
    assert_eq!(label("created"), "2023-11-14T22:13:20Z");
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    assert!(label("revision").as_str().is_some_and(|revision| revision.len() >= "unknown".len()));
}

/// The same as in the archives. When it is built, and from what, is passed to docker.
#[test]
fn the_dockerfile_has_the_same_labels() {
    let dockerfile = fs::read_to_string(deploy().join("Dockerfile")).expect("Dockerfile");
    let (_, config) = Archive::of_amd64().image();
    for (name, value) in config["config"]["Labels"].as_object().expect("labels") {
        let value = match name.rsplit('.').next() {
            Some("created") => "${CREATED}",
            Some("revision") => "${REVISION}",
            Some(_) | None => value.as_str().expect("text"),
        };
        assert!(dockerfile.contains(&format!("{name}=\"{value}\"")), "{name}={value:?} is not in deploy/Dockerfile");
    }
}

#[test]
fn the_dockerfiles_base_is_named_by_its_digest_and_has_the_compiler_of_the_workspace() {
    let dockerfile = fs::read_to_string(deploy().join("Dockerfile")).expect("Dockerfile");
    let bases = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).filter(|base| *base != "scratch");
    let bases: Vec<&str> = bases.collect();
    let [base] = bases.as_slice() else { panic!("{bases:?}") };
    let (image, digest) = base.split_once("@sha256:").expect("a digest");
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(digest.strip_suffix(" AS build").is_some_and(is_digest), "{digest}");
    assert_eq!(image, concat!("rust:", env!("CARGO_PKG_RUST_VERSION"), "-bookworm"));
}

/// The image that the DaemonSet starts.
fn asked_for() -> String {
    let text = fs::read_to_string(deploy().join("base/daemonset.yaml")).expect("daemonset.yaml");
    let daemon_set: Value = serde_saphyr::from_str(&text).expect("YAML");
    let container = &daemon_set["spec"]["template"]["spec"]["containers"][0];
    container["image"].as_str().expect("an image").to_owned()
}

#[test]
fn it_has_the_name_that_the_daemon_set_asks_for() {
    let name = asked_for();
    for archive in [Archive::of_amd64(), Archive::of_both()] {
        for annotation in ["org.opencontainers.image.ref.name", "io.containerd.image.name"] {
            assert_eq!(archive.top()["annotations"][annotation], name);
        }
    }
    let compatible = Archive::of_amd64().json("manifest.json");
    assert_eq!(compatible[0]["RepoTags"], json!([name]));
}

/// Dockers before 25 read nothing but `manifest.json`.
#[test]
fn an_older_docker_finds_the_same_image() {
    let archive = Archive::of_amd64();
    let (manifest, _) = archive.image();
    let compatible = archive.json("manifest.json");
    assert_eq!(archive.path(compatible[0]["Config"].as_str().expect("a path")), archive.blob(&manifest["config"]));
    assert_eq!(
        archive.path(compatible[0]["Layers"][0].as_str().expect("a path")),
        archive.blob(&manifest["layers"][0])
    );
    assert_eq!(compatible[0]["Layers"].as_array().map(Vec::len), Some(1));
}

#[test]
fn one_image_for_several_platforms_names_each_of_them() {
    let archive = Archive::of_both();
    let images = archive.follow(&archive.top());
    let mut platforms = Vec::new();
    for image in images["manifests"].as_array().expect("manifests") {
        let config = archive.follow(&archive.follow(image)["config"]);
        for key in ["architecture", "os", "variant"] {
            assert_eq!(image["platform"][key], config[key]);
        }
        platforms.push(image["platform"].clone());
    }
    let arm = json!({"architecture": "arm64", "os": "linux", "variant": "v8"});
    assert_eq!(platforms, [json!({"architecture": "amd64", "os": "linux"}), arm]);
    assert!(!archive.path("manifest.json").exists(), "an older docker would take any of them");
}

#[test]
fn the_same_binary_makes_the_same_bytes_wherever_and_whenever() {
    let mut once = ArchiveCommand::new().with("amd64", AMD64);
    assert!(once.run().status.success());
    let mut other = ArchiveCommand::new().with("amd64", AMD64);
    let binary = File::options().write(true).open(other.directory.path().join("amd64")).expect("the binary");
    binary.set_modified(UNIX_EPOCH).expect("a time");
    let command = format!("umask 077; exec {} \"$@\"", deploy().join("oci-archive").display());
    let arguments: Vec<_> = other.command.get_args().map(OsStr::to_owned).collect();
    other.command = Command::new("bash");
    other.command.args(["-c", &command, "bash"]).args(arguments).current_dir("/");
    other.command.env("SOURCE_DATE_EPOCH", "1700000000").env("TZ", "Asia/Tokyo").env("LC_ALL", "C.UTF-8");
    assert!(other.run().status.success());
    assert!(fs::read(once.archive()).expect("an archive") == fs::read(other.archive()).expect("an archive"));
}

#[test]
fn a_binary_for_another_machine_is_refused_and_leaves_no_archive() {
    let mut packing = ArchiveCommand::new().with("amd64", AMD64).with("arm64", AMD64);
    let output = packing.run();
    assert!(String::from_utf8_lossy(&output.stderr).ends_with("/arm64 is no program for aarch64\n"));
    assert!(!output.status.success() && !packing.archive().exists());
}

/// The files of `deploy/` in which this text is.
fn files_with(text: &str) -> Vec<String> {
    let files = fs::read_dir(deploy()).expect("deploy/").map(|entry| entry.expect("an entry").path());
    let with = files.filter(|path| fs::read_to_string(path).is_ok_and(|content| content.contains(text)));
    let mut names: Vec<_> = with.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn all_builds_of_the_static_binary_take_their_flags_from_one_place() {
    assert_eq!(files_with("crt-static"), ["static-binary"]);
    assert_eq!(files_with("\"$(deploy/static-binary image)\""), ["Dockerfile"]);
    assert_eq!(files_with("binary=$(deploy/static-binary"), ["image", "test-static"]);
}
