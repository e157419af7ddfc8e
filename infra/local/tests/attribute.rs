//! `crae attribute`, as people call it.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const PATHS: &str = "path,conversions,value,nulls\npaid > direct,10,1500.50,40\npaid,7,910,300\n";
const JOURNEYS: &str = "id,path,secs_till_conv,conv,value_cents\n1,paid > direct,7200 > 0,1,1001\n2,email,60,0,0\n3,email,5,1,250\n";

fn crae(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crae"))
        .current_dir(folder)
        .arg("attribute")
        .args(arguments)
        .output()
        .unwrap()
}

fn folder(file: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    folder
}

/// What a command said, which must have done it.
#[track_caller]
fn done(folder: &TempDir, arguments: &[&str]) -> String {
    let output = crae(folder.path(), arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn read(folder: &TempDir, file: &str) -> String {
    fs::read_to_string(folder.path().join("out").join(file)).unwrap()
}

fn files(folder: &TempDir) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn paths_come_to_channels_and_transitions() {
    let folder = folder("paths.csv", PATHS);
    let said =
        done(&folder, &["--paths", "paths.csv", "--out", "out", "--model", "linear", "--model", "markov:1"]);
    assert!(said.contains("LINEAR") && said.contains("1660.25"), "{said}");
    assert_eq!(files(&folder), ["channels.csv", "transitions.csv"]);
    let channels = read(&folder, "channels.csv");
    assert!(channels.contains("\nLINEAR,paid,12,1660.25,,\n"), "{channels}");
    // Without paid nobody would have come, so that its removal effect is 1.
    assert!(
        channels.lines().any(|line| line.starts_with("MARKOV:1,paid,") && line.ends_with(",1,1")),
        "{channels}"
    );
    let transitions = read(&folder, "transitions.csv");
    assert!(transitions.contains("\nMARKOV:1,(start),paid,1\n"), "{transitions}");
    assert!(transitions.contains("\nMARKOV:1,direct,(conversion),0.2\n"), "{transitions}");
}

#[test]
fn journeys_come_to_credits_of_whole_cents_too() {
    let folder = folder("journeys.csv", JOURNEYS);
    done(
        &folder,
        &["--journeys", "journeys.csv", "--out", "out", "--model", "TIME_DECAY:2", "--model", "LINEAR"],
    );
    assert_eq!(files(&folder), ["channels.csv", "credits.csv", "transitions.csv"]);
    let expected = "journey,touch,channel,model,amount_minor\n\
        1,0,paid,TIME_DECAY:2,334\n1,1,direct,TIME_DECAY:2,667\n3,0,email,TIME_DECAY:2,250\n\
        1,0,paid,LINEAR,501\n1,1,direct,LINEAR,500\n3,0,email,LINEAR,250\n";
    assert_eq!(read(&folder, "credits.csv"), expected);
    assert!(read(&folder, "channels.csv").contains("\nLINEAR,email,1,2.5,,\n"));
}

#[test]
fn columns_and_separators_are_as_the_file_has_them() {
    let folder = folder("paths.csv", "journey;n\na|b;2\n");
    let layout = [
        "--column",
        "path=journey",
        "--column",
        "conversions=n",
        "--separator",
        ";",
        "--path-separator",
        "|",
    ];
    let arguments = [&["--paths", "paths.csv", "--out", "out", "--model", "LINEAR"][..], &layout].concat();
    let said = done(&folder, &arguments);
    assert!(said.contains("Conversions by channel"), "{said}");
    assert!(read(&folder, "channels.csv").contains("\nLINEAR,b,1,0,,\n"));
}

#[test]
fn what_is_wrong_is_said_and_leaves_what_was_there() {
    let folder = folder("paths.csv", PATHS);
    fs::write(folder.path().join("broken.csv"), "path,conversions\na,1\nb,many\n").unwrap();
    done(&folder, &["--paths", "paths.csv", "--out", "out"]);
    let before = read(&folder, "channels.csv");
    for (arguments, hint) in [
        (&["--paths", "broken.csv"][..], "broken.csv: line 3: conversions must be a whole number from 0 on"),
        (&["--paths", "nothing.csv"], "nothing.csv cannot be opened"),
        (&["--paths", "paths.csv", "--model", "GUESS"], "must be one of FIRST_TOUCH"),
        (&["--paths", "paths.csv", "--model", "TIME_DECAY"], "TIME_DECAY asks how old touches are"),
        (&["--paths", "paths.csv", "--column", "way=x"], "there is no column way"),
        (&["--paths", "paths.csv", "--column", "path=way"], "line 1: there is no column way, only path"),
        (&["--paths", "paths.csv", "--separator", "ab"], "must be one character"),
        (&["--paths", "paths.csv", "--path-separator", ""], "a value is required"),
        (&["--paths", "paths.csv", "--journeys", "paths.csv"], "cannot be used with"),
        (&[], "--paths"),
    ] {
        let output = crae(folder.path(), &[arguments, &["--out", "out"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(hint), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(files(&folder), ["channels.csv", "transitions.csv"]);
    assert_eq!(read(&folder, "channels.csv"), before);
}
