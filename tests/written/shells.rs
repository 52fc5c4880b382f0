//! Each completion is loaded by its shell, as it lies in the tree, and completes what a person has begun to type.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::pty::openpty;

use crate::common::*;
use crate::root;

/// The control character that has the shell write the line that is being typed to a file.
const SHOW: &str = "\x18";

/// What is typed before the Tab key, and what stands there behind it. `SITES` is the directory of definitions.
const TYPED: [(&str, &str); 7] = [
    ("siteward timel", "siteward timeline"),
    ("siteward create --unmou", "siteward create --unmounted"),
    ("siteward generate pacemaker-p", "siteward generate pacemaker-pcs"),
    ("siteward stop onl", "siteward stop only.example.com"),
    ("siteward status first on", "siteward status first only.example.com"),
    ("siteward --config-dir SITES start sec", "siteward --config-dir SITES start second"),
    ("siteward validate-all only.exam", "siteward validate-all only.example.com"),
];

/// A directory with sites of its own, and `siteward` on the PATH.
fn prepare() -> Bench {
    let bench = Bench::new();
    let text = "processes: {a: {command: [ACT, steady]}}\n";
    bench.define("first", text);
    bench.define("only.example.com", text);
    fs::create_dir_all(bench.path("bin")).unwrap();
    std::os::unix::fs::symlink(SITEWARD, bench.path("bin/siteward")).unwrap();
    fs::create_dir_all(bench.path("other")).unwrap();
    fs::write(bench.path("other/second.yaml"), "").unwrap();
    bench
}

/// What the completions ask siteward for, with the words of the line as a shell has them.
pub(crate) fn names_of_sites_are_printed() {
    let bench = prepare();
    let other = bench.path("other").display().to_string();
    let asked = |line: &[&str]| {
        let words = [&["defined-sites", "siteward"], line].concat();
        succeed(bench.hand(&words))
    };
    let own = "first\nonly.example.com\n";
    assert_eq!(asked(&["start"]), own);
    assert_eq!(asked(&["--config-dir", &other, "start"]), "second\n");
    assert_eq!(asked(&[&format!("--config-dir={other}"), "-q", "start"]), "second\n");
    // bash makes three words of that.
    assert_eq!(asked(&["start", "--config-dir", "=", &other]), "second\n");
    assert_eq!(asked(&["--config-dir", "/no/such/directory", "start"]), "");
    for odd in [&["--config-dir"][..], &["--help"], &["--", "-x"], &["--config-dirs", "x"], &[]] {
        assert_eq!(asked(odd), own, "{odd:?}");
    }
    assert!(!succeed(bench.hand(&["--help"])).contains("defined-sites"), "it is hidden");
}

/// A shell at a terminal of its own.
struct Terminal<'a> {
    bench: &'a Bench,
    shell: Child,
    keyboard: File,
    screen: Option<std::thread::JoinHandle<()>>,
}

impl<'a> Terminal<'a> {
    fn open(bench: &'a Bench, words: &[&str]) -> Self {
        let pair = openpty(None, None).unwrap();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let mut command = Command::new("setsid");
        let path = format!("{}:/usr/bin:/bin", bench.path("bin").display());
        // A session of its own, with this terminal.
        let shell = command
            .arg("--ctty")
            .args(words)
            .env_clear()
            .env("PATH", path)
            .env("TERM", "xterm")
            .env("HOME", bench.path(""))
            .env("SITEWARD_CONFIG_DIR", &bench.places.config)
            .stdin(end(&pair.slave))
            .stdout(end(&pair.slave))
            .stderr(end(&pair.slave))
            .spawn()
            .expect("setsid, of util-linux, can be run");
        drop(pair.slave);
        let keyboard = File::from(pair.master.as_fd().try_clone_to_owned().unwrap());
        // A terminal that nobody reads becomes full.
        let screen = std::thread::spawn(move || {
            let _ = std::io::copy(&mut File::from(pair.master), &mut std::io::sink());
        });
        let terminal = Self { bench, shell, keyboard, screen: Some(screen) };
        until("the shell has a prompt", || bench.path("prompted").exists());
        terminal
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// The line after the text was typed, and after it the Tab key.
    fn completed(&mut self, text: &str) -> String {
        let shown = self.bench.path("shown");
        let _ = fs::remove_file(&shown);
        // Ctrl-U: whatever stands there goes.
        self.type_in(&format!("\x15{text}\t{SHOW}"));
        let mut line = String::new();
        until("the line is shown", || {
            line = fs::read_to_string(&shown).unwrap_or_default();
            line.ends_with('\n')
        });
        line.trim_end().to_owned()
    }

    fn try_all(mut self) {
        let other = self.bench.path("other").display().to_string();
        for (typed, meant) in TYPED {
            let typed = typed.replace("SITES", &other);
            assert_eq!(self.completed(&typed), meant.replace("SITES", &other), "after `{typed}`");
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // setsid(1) has become the shell.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // Nobody has the terminal any more, so its reader ends.
        let _ = self.screen.take().map(std::thread::JoinHandle::join);
    }
}

pub(crate) fn bash_completes() {
    let bench = prepare();
    let file = bench.path("bashrc");
    let text = format!(
        "source '{}'\nPROMPT_COMMAND='> \"$HOME/prompted\"'\nbind -x '\"\\C-x\": printf \"%s\\\\n\" \"$READLINE_LINE\" > \"$HOME/shown\"'\n",
        root().join("completions/siteward.bash").display()
    );
    fs::write(&file, text).unwrap();
    Terminal::open(&bench, &["bash", "--noprofile", "--rcfile", &file.display().to_string(), "-i"])
        .try_all();
}

pub(crate) fn zsh_completes() {
    let bench = prepare();
    // zsh loses what is typed between its prompt and the first reading of a key.
    let text = format!(
        "fpath=('{}' $fpath)\nautoload -Uz compinit\ncompinit -D -u\n\
         show() {{ print -r -- \"$BUFFER\" > $HOME/shown }}\nzle -N show\nbindkey '^X' show\nPS1='> '\n\
         zle-line-init() {{ > $HOME/prompted }}\nzle -N zle-line-init\n",
        root().join("completions").display()
    );
    fs::write(bench.path(".zshrc"), text).unwrap();
    Terminal::open(&bench, &["zsh", "-o", "no_global_rcs", "-i"]).try_all();
}

pub(crate) fn fish_completes() {
    let bench = prepare();
    let folder = bench.path(".config/fish/completions");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root().join("completions/siteward.fish"), folder.join("siteward.fish")).unwrap();
    let other = bench.path("other").display().to_string();
    for (typed, meant) in TYPED {
        let typed = typed.replace("SITES", &other);
        let mut command = Command::new("fish");
        // fish says of itself how it would complete a line.
        command
            .args(["--command", "complete --do-complete -- $argv[1]", &typed])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bench.path("bin").display()))
            .env("HOME", bench.path(""))
            .env("SITEWARD_CONFIG_DIR", &bench.places.config);
        let done = output(command);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
        let last = meant.split(' ').next_back().unwrap();
        assert_eq!(words, [last], "after `{typed}`: {}", String::from_utf8_lossy(&done.stderr));
    }
}
