//! Ways around a list of allowed programs, as data: with every program of the machine on the list and nothing read from
//! outside, a command is either allowed, and then starts only what it names, or the owner is asked about it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use moltbot_guard::shell::{Allowlist, Miss, Programs, paths_to_allow};

/// Why the owner is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It is not certain what the shell makes of it.
    Unclear,
    /// The program does what its arguments, its input or files say.
    Anything,
    /// The agent could have written the program, or says where a link to it leads.
    Writable,
    /// It is not on the list.
    NotListed,
    /// There is no program of that name.
    NotFound,
}

impl Why {
    fn of(miss: &Miss) -> Self {
        match miss {
            Miss::Unclear(_) => Self::Unclear,
            Miss::Anything(_) => Self::Anything,
            Miss::Writable(_) => Self::Writable,
            Miss::NotListed(_) => Self::NotListed,
            Miss::NotFound(_) => Self::NotFound,
        }
    }
}

use Why::{Anything, NotFound, NotListed, Unclear, Writable};

/// The programs on the machine, all of them on the list.
const PROGRAMS: &str = "7z 7za aa-exec ansible awk base64 bash bat brotli bunzip2 busybox bzip2 cat chmod clawdbot coredumpctl \
    coreutils cp crontab curl cut date dd delv df diff dig dos2unix du env evil fd file find fzf gdb getent git \
    grep gunzip gzip head host iconv install journalctl jq ld-linux-aarch64.so.1 ld-linux-x86-64.so.2 ld.so less \
    link ln logger ls lz4 make man mawk mkdir mkfifo moltbot mv nc.openbsd nice nm node nohup npm nslookup \
    objcopy openssl patch perl perl5.36-x86_64-linux-gnu php8.2 ping ping6 pip3 protoc ps python3 python3.13 \
    ranlib realpath rename rg rm rsync ruby sed setsid sh shuf sort split sqlite3 ssh stat strip sudo \
    systemd-run tail tar tcpdump tee test time timeout touch toybox tr tree truncate uniq unlink vim vim.basic \
    watch wc wget which whois x86_64-linux-gnu-gcc-12 x86_64-linux-gnu-objcopy xargs xmllint xsltproc xxd xz \
    zcat zip zless zstd";

/// What runs without asking, and what that starts.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ls -l", &["ls"]),
    ("ls -l 'a b' \"c d\" e\\ f", &["ls"]),
    ("'ls' -l", &["ls"]),
    ("l's' -l", &["ls"]),
    ("{bin}/ls", &["ls"]),
    ("{bin}//ls", &["ls"]),
    ("{bin}/./ls", &["ls"]),
    ("ls --color=never -- -x", &["ls"]),
    ("ls; cat x", &["ls", "cat"]),
    ("ls && cat x", &["ls", "cat"]),
    ("ls || cat x", &["ls"]),
    ("ls | cat | wc -l", &["ls", "cat", "wc"]),
    ("ls\ncat x\n\n", &["ls", "cat"]),
    // What means something to the shell is text in quotes.
    (
        "ls '$(evil)' '`evil`' '; evil' '> x' '| evil' '& evil'",
        &["ls"],
    ),
    (
        "ls \"; evil\" \"> x\" \"| evil\" \"& evil\" \"(evil)\" \"*\" \"~\"",
        &["ls"],
    ),
    ("ls \\; evil \\| evil \\& evil \\> x", &["ls"]),
    ("ls 'two\nlines' \"# text\"", &["ls"]),
    ("ls evil", &["ls"]),
    ("echo evil; echo 'a' | cat", &["cat"]),
    // Options that only read.
    ("find . -name x -type f -executable", &["find"]),
    ("rg --pretty --hidden -n foo .", &["rg"]),
    ("rg -e 'a|b' -g '*.rs'", &["rg"]),
    ("sort -rn -k2 -t, x", &["sort"]),
    ("sort --reverse --check x", &["sort"]),
    ("uniq -c x", &["uniq"]),
    ("tree -L 2", &["tree"]),
    ("xxd x", &["xxd"]),
    ("uniq -", &["uniq"]),
    ("uniq -- -x", &["uniq"]),
    ("xxd -", &["xxd"]),
    ("shuf -n5 x", &["shuf"]),
    ("zcat x", &["zcat"]),
    // It makes nothing but empty folders.
    ("mkdir -p x", &["mkdir"]),
    ("file x", &["file"]),
    ("date -Iseconds", &["date"]),
    (
        "grep -rn foo . && head -5 x && tail -n 5 x",
        &["grep", "head", "tail"],
    ),
];

/// What the owner is asked about, and why.
const ASKED: &[(&str, Why)] = &[
    // More commands than one, or another one.
    ("ls; ./evil", Writable),
    ("ls && {work}/evil", Writable),
    ("ls || ./evil", Writable),
    ("ls | ./evil", Writable),
    ("ls\n./evil", Writable),
    ("ls & evil", Unclear),
    ("ls &", Unclear),
    ("ls\revil", Unclear),
    ("ls\r\nevil", Unclear),
    ("ls\u{b}evil", Unclear),
    ("ls\u{c}evil", Unclear),
    ("ls\u{85}evil", Unclear),
    ("ls\u{2028}evil", Unclear),
    ("ls\0evil", Unclear),
    ("ls \\\nevil", Unclear),
    ("l\\\ns", Unclear),
    ("ls |", Unclear),
    ("ls &&", Unclear),
    ("; ls", Unclear),
    ("ls ;; ls", Unclear),
    ("ls |& cat", Unclear),
    ("", Unclear),
    // Substitution.
    ("ls $(evil)", Unclear),
    ("ls `evil`", Unclear),
    ("ls \"$(evil)\"", Unclear),
    ("ls \"`evil`\"", Unclear),
    ("ls \"a\\$(evil)\"", Unclear),
    ("ls \"$\\\n(evil)\"", Unclear),
    ("ls \"\\\n$(evil)\"", Unclear),
    ("ls $((1+1))", Unclear),
    ("ls ${IFS}x", Unclear),
    ("ls ${x:-$(evil)}", Unclear),
    ("ls $HOME", Unclear),
    ("ls \"$HOME\"", Unclear),
    ("ls $'\\x41'", Unclear),
    ("ls $\"x\"", Unclear),
    ("ls <(evil)", Unclear),
    ("ls >(evil)", Unclear),
    ("ls =(evil)", Unclear),
    // Redirection.
    ("ls > x", Unclear),
    ("ls >> x", Unclear),
    ("ls >| x", Unclear),
    ("ls 2>&1", Unclear),
    ("ls &> x", Unclear),
    ("cat < x", Unclear),
    ("cat <<E\n$(evil)\nE", Unclear),
    ("cat <<'E'\nx\nE", Unclear),
    ("cat <<< x", Unclear),
    ("cat <> x", Unclear),
    // What the shell fills in.
    ("ls *", Unclear),
    ("ls ?", Unclear),
    ("ls [a-z]", Unclear),
    ("ls ~", Unclear),
    ("ls ~root/.ssh", Unclear),
    ("ls {a,b}", Unclear),
    ("ls {1..9}", Unclear),
    ("ls #x", Unclear),
    ("ls !$", Unclear),
    ("{bin}/l?", Unclear),
    // The shell's language, however it is quoted.
    ("(ls)", Unclear),
    ("{ ls; }", Unclear),
    ("! ls", Unclear),
    ("if ls; then ls; fi", Unclear),
    ("for x in a; do ls; done", Unclear),
    ("while ls; do ls; done", Unclear),
    ("case x in x) ls;; esac", Unclear),
    ("[[ a ]]", Unclear),
    ("[ a ]", Unclear),
    ("test -v 'a[$(evil)]'", Unclear),
    ("ls() { evil; }; ls", Unclear),
    ("function ls { evil; }", Unclear),
    ("alias ls=evil; ls", Unclear),
    ("eval evil", Unclear),
    ("'eval' evil", Unclear),
    ("e\"v\"al evil", Unclear),
    ("\\eval evil", Unclear),
    ("exec evil", Unclear),
    ("command evil", Unclear),
    ("builtin eval evil", Unclear),
    (". ./evil", Unclear),
    ("source ./evil", Unclear),
    ("trap evil EXIT; ls", Unclear),
    ("hash -p ./evil ls; ls", Unclear),
    ("enable -f ./evil.so ls", Unclear),
    ("set -o x; ls", Unclear),
    ("cd ..; ./work/evil", Unclear),
    ("printf -v 'a[$(evil)]' x", Unclear),
    ("read x", Unclear),
    ("unset PATH; ls", Unclear),
    ("export PATH=.; evil", Unclear),
    ("coproc evil", Unclear),
    ("kill 1", Unclear),
    // Variables before a command.
    ("PATH=. ls", Unclear),
    ("LD_PRELOAD=./x ls", Unclear),
    ("IFS=/ ls", Unclear),
    ("A+=x ls", Unclear),
    ("A=b", Unclear),
    // What starts what its arguments name.
    ("env ls", Anything),
    ("env -S 'evil x'", Anything),
    ("env PATH=. ls", Anything),
    ("xargs ls", Anything),
    ("ls | xargs -I X ./X", Anything),
    ("nice ls", Anything),
    ("nohup ls", Anything),
    ("timeout 5 ls", Anything),
    ("setsid ls", Anything),
    ("time ls", Unclear),
    ("watch ls", Anything),
    ("sudo ls", Anything),
    ("systemd-run ls", Anything),
    ("aa-exec ls", Anything),
    ("ssh -o ProxyCommand=./evil x", Anything),
    ("rsync -e ./evil x y:", Anything),
    ("ld.so ./evil", Anything),
    ("ld-linux-x86-64.so.2 ./evil", Anything),
    ("ld-linux-aarch64.so.1 ./evil", Anything),
    ("busybox sh -c evil", Anything),
    ("toybox sh -c evil", Anything),
    ("coreutils --coreutils-prog=env evil", Anything),
    ("tcpdump -z ./evil -w x -G 1", Anything),
    ("gdb -ex '!evil'", Anything),
    ("fzf --preview evil", Anything),
    ("bat --pager=evil x", Anything),
    ("crontab x", Anything),
    // Languages.
    ("sh -c evil", Anything),
    ("bash x", Anything),
    ("python3 -c 1", Anything),
    ("python3.13 x.py", Anything),
    ("node -e 1", Anything),
    ("perl -e 1", Anything),
    ("perl5.36-x86_64-linux-gnu -e 1", Anything),
    ("ruby -e 1", Anything),
    ("php8.2 -r 1", Anything),
    ("awk 'BEGIN{system(\"evil\")}'", Anything),
    ("mawk x", Anything),
    ("sed '1e evil' x", Anything),
    ("sed -n 'w x' x", Anything),
    ("sqlite3 x '.shell evil'", Anything),
    ("x86_64-linux-gnu-gcc-12 -wrapper evil x.c", Anything),
    ("nm --plugin ./evil.so x", Anything),
    ("nm @options", Anything),
    ("ranlib --plugin ./evil.so x", Anything),
    ("protoc --plugin=./evil x", Anything),
    // Links to them.
    ("py -c 1", Anything),
    ("applet", Anything),
    // What runs what files or settings say.
    ("git status", Anything),
    ("git -c core.pager=evil log", Anything),
    ("git --upload-pack=evil fetch x", Anything),
    ("git clone ext::evil", Anything),
    ("make", Anything),
    ("npm test", Anything),
    ("pip3 install .", Anything),
    ("patch -p1", Anything),
    ("tar -xf x --to-command=evil", Anything),
    (
        "tar -cf x --checkpoint=1 --checkpoint-action=exec=evil x",
        Anything,
    ),
    ("zip -T -TT evil x y", Anything),
    ("vim -c ':!evil'", Anything),
    ("vim.basic x", Anything),
    ("less x", Anything),
    ("zless x", Anything),
    ("journalctl", Anything),
    ("coredumpctl --debugger=./evil debug", Anything),
    ("man -P evil x", Anything),
    ("ansible -m shell -a evil all", Anything),
    // What writes or sends anywhere.
    ("ls | tee {bin}/cat", Anything),
    ("cp evil {bin}/cat", Anything),
    ("mv evil {bin}/cat", Anything),
    ("ln -sf {work}/evil {bin}/cat", Anything),
    ("dd if=evil of={bin}/cat", Anything),
    ("install -m755 evil {bin}/cat", Anything),
    ("chmod +x x", Anything),
    ("truncate -s0 x", Anything),
    ("rm -rf x", Anything),
    ("unlink x", Anything),
    ("touch x", Anything),
    ("link x y", Anything),
    ("rename a b x", Anything),
    ("mkfifo x", Anything),
    ("gzip x", Anything),
    ("gunzip x", Anything),
    ("bzip2 x", Anything),
    ("bunzip2 x", Anything),
    ("xz x", Anything),
    ("zstd x -o y", Anything),
    ("lz4 x y", Anything),
    ("brotli -o y x", Anything),
    ("7za a x y", Anything),
    ("objcopy x y", Anything),
    ("x86_64-linux-gnu-objcopy x y", Anything),
    ("strip x", Anything),
    ("dos2unix x", Anything),
    ("xmllint --output x y", Anything),
    ("xmllint --shell x", Anything),
    ("xmllint http://x", Anything),
    ("xsltproc -o x y z", Anything),
    ("dig secret.example.com", Anything),
    ("delv secret.example.com", Anything),
    ("host secret.example.com", Anything),
    ("nslookup secret.example.com", Anything),
    ("getent hosts secret.example.com", Anything),
    ("ping -p 736563726574 x", Anything),
    ("ping6 x", Anything),
    ("whois -h x secret", Anything),
    ("logger -n x secret", Anything),
    ("split x y", Anything),
    ("curl -o x http://x", Anything),
    ("wget x", Anything),
    ("nc.openbsd x 1", Anything),
    ("openssl s_client -connect x", Anything),
    ("7z a x y", Anything),
    // This program itself would change its own settings.
    ("moltbot config set tools.exec.security full", Anything),
    ("clawdbot pairing approve x", Anything),
    // What reads, unless an option has it do more.
    ("find . -exec ls {} +", Unclear),
    ("find . -exec ls '{}' +", Anything),
    ("find . -execdir ls", Anything),
    ("find . -ok ls", Anything),
    ("find . -delete", Anything),
    ("find . -fprintf x y", Anything),
    ("find -files0-from=x", Anything),
    ("rg --pre ./evil x", Anything),
    ("rg --pre=./evil x", Anything),
    ("rg --hostname-bin ./evil x", Anything),
    ("sort --compress-program=evil -S1 x", Anything),
    ("sort --compress-prog evil x", Anything),
    ("sort --comp=evil x", Anything),
    ("sort -o x y", Anything),
    ("sort -rox y", Anything),
    ("sort -ro x y", Anything),
    ("sort --output=x y", Anything),
    ("sort --out x y", Anything),
    ("sort --files0-from=x", Anything),
    ("uniq x y", Anything),
    ("uniq -c x y", Anything),
    ("uniq - x", Anything),
    ("echo x | uniq - x", Anything),
    ("uniq -c - x", Anything),
    ("uniq -- -x -y", Anything),
    ("xxd - x", Anything),
    ("xxd - -", Anything),
    ("shuf -o x y", Anything),
    ("shuf -eo x y", Anything),
    ("shuf --out=x y", Anything),
    ("xxd -r x y", Anything),
    ("xxd x y", Anything),
    ("tree -o x", Anything),
    ("iconv -o x y", Anything),
    ("iconv --outp=x y", Anything),
    ("file -C -m x", Anything),
    // Programs that the agent writes, by every way to name them.
    ("./evil", Writable),
    ("./ls", Writable),
    ("./sub/../evil", Writable),
    ("{work}/evil", Writable),
    ("{root}/bin/../work/evil", Writable),
    ("{root}/./work//evil", Writable),
    ("/proc/self/cwd/evil", NotFound),
    ("../work/evil", Writable),
    ("./link-to-ls", Writable),
    ("nice-tool", Writable),
    ("hop", Writable),
    ("folder-hop/cat", Writable),
    ("{bin}/folder-hop/cat", Writable),
    // Beside the list.
    ("{root}/other/tool", NotListed),
    ("{bin}/../other/tool", NotListed),
    ("{bin}/sub/../../other/tool", NotListed),
    // Names that only look like others.
    ("L\u{455}", NotFound),
    ("\u{ff4c}\u{ff53}", NotFound),
    ("\u{441}at x", NotFound),
    ("ls\u{301}", NotFound),
    ("ls\u{ff1b}evil", NotFound),
    ("ls\u{ff5c}evil", NotFound),
    ("LS", NotFound),
    ("ls/", NotFound),
    ("{bin}/ls/", NotFound),
    ("{bin}/ls/.", NotFound),
    ("./missing", NotFound),
    ("--", NotFound),
    ("-c evil", NotFound),
    ("%1", NotFound),
    ("ls\u{a0}-l", Unclear),
    ("ls\u{3000}evil", Unclear),
    ("l\u{200b}s", Unclear),
    ("ls \u{200d}x", Unclear),
    ("ls \u{202e}x", Unclear),
    ("ls \u{2066}x", Unclear),
    ("ls \u{e0041}", Unclear),
    ("ls \u{1b}[2K", Unclear),
    ("ls \u{9b}2K", Unclear),
    ("ls '\u{8}\u{8}'", Unclear),
];

/// Programs that may work on a pipe although they are on no list (`safeBins`): the command behind `ls |`, and whether it is
/// one that only does that.
const ON_A_PIPE: &[(&str, bool)] = &[
    ("grep -in 'foo.*bar'", true),
    ("grep -m5 x", true),
    ("jq -r '.a[0]'", true),
    ("sort -rn -k2", true),
    ("sort -k 2 -t,", true),
    ("uniq -c", true),
    ("head -n5", true),
    ("head -20", true),
    ("tail -n +2", true),
    ("cut -d, -f1", true),
    ("tr a-z A-Z", true),
    ("wc -l", true),
    // Files.
    ("grep x /etc/passwd", false),
    ("grep x secrets", false),
    ("grep -- x secrets", false),
    ("grep -f secrets", false),
    ("grep -vf secrets", false),
    ("grep -e x secrets", false),
    ("grep --file=secrets", false),
    ("grep --fil secrets", false),
    ("grep -r x", false),
    ("grep -R x", false),
    ("grep --recursive x", false),
    ("grep --include=x y", false),
    ("head /etc/passwd", false),
    ("head -n1 /etc/passwd", false),
    ("tail -f log", false),
    ("tail --follow=name log", false),
    ("cut -f1 secrets", false),
    ("cut -f 1 secrets", false),
    ("cut --files=x", false),
    ("wc secrets", false),
    ("wc --files0-from=secrets", false),
    ("wc --files0 secrets", false),
    ("tr a b c", false),
    ("uniq in out", false),
    ("uniq out", false),
    ("uniq - out", false),
    ("sort secrets", false),
    ("sort -o out", false),
    ("sort -ro out", false),
    ("sort --output=out", false),
    ("sort --compress-program=sh", false),
    ("sort --compress-prog=sh", false),
    ("sort -T /tmp", false),
    ("sort --temporary-directory=/tmp", false),
    ("sort --files0-from=secrets", false),
    ("sort --random-source=/etc/passwd", false),
    ("jq . secrets.json", false),
    ("jq -f program", false),
    ("jq --from-file program", false),
    ("jq --rawfile a secrets .", false),
    ("jq --slurpfile a secrets .", false),
    ("jq --arg a b .", false),
    ("jq -L . .", false),
    ("jq 'input_filename'", false),
    ("jq env", false),
    ("jq 'env.SECRET'", false),
    ("jq '$ENV.SECRET'", false),
    ("jq '$__prog_args'", false),
    ("jq 'import \"x\" as x; .'", false),
    ("jq 'include \"x\"; .'", false),
    // Of the owner's own list.
    ("rev", true),
    ("rev secrets", false),
    ("rev -x", false),
    ("python3", false),
    ("bash", false),
    ("xargs", false),
    ("tee", false),
    ("sed", false),
];

/// A machine with an owner's programs, those of others, and the agent's own folder.
struct Machine {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        // Written by another process: see `shell.rs`. Each program writes its name down.
        let made = Command::new("/bin/sh")
            .args(["-e", "-c", MAKE])
            .arg(PROGRAMS)
            .current_dir(&root)
            .status()
            .unwrap();
        assert!(made.success());
        symlink("python3.13", root.join("bin/py")).unwrap();
        symlink("busybox", root.join("bin/applet")).unwrap();
        symlink("../work/evil", root.join("bin/nice-tool")).unwrap();
        symlink("../bin/ls", root.join("work/link-to-ls")).unwrap();
        // The agent says where these two lead.
        symlink("../bin/cat", root.join("work/hop")).unwrap();
        symlink("../work/hop", root.join("bin/hop")).unwrap();
        symlink("../bin", root.join("work/folder-hop")).unwrap();
        symlink("../work/folder-hop", root.join("bin/folder-hop")).unwrap();
        Self { _dir: dir, root }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn programs(&self) -> Programs {
        Programs::new(&self.place("bin").display().to_string(), self.place("work"))
    }

    fn command(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["bin", "work"] {
            text = text.replace(
                &format!("{{{name}}}"),
                &self.place(name).display().to_string(),
            );
        }
        text.replace("{root}", &self.root.display().to_string())
    }

    fn check_with(
        &self,
        pattern: &str,
        safe_bins: Option<&[String]>,
        command: &str,
    ) -> Result<(), Miss> {
        let list = Allowlist::new([pattern], safe_bins, &self.root);
        list.check(command, &self.programs(), &[&self.place("work")])
    }

    /// With a list as wide as a careless owner may have made it.
    fn check(&self, command: &str) -> Result<(), Miss> {
        self.check_with(
            &format!("{}/**", self.place("bin").display()),
            None,
            command,
        )
    }

    /// The names of the programs that the machine's own shell starts, sorted.
    fn started(&self, command: &str) -> Vec<String> {
        let log = self.place("log");
        std::fs::write(&log, "").unwrap();
        let before = listing(&self.root);
        Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", self.place("bin"))
            .env("PROBE_LOG", &log)
            .current_dir(self.place("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(
            listing(&self.root),
            before,
            "{command:?} made or removed a file"
        );
        let log = std::fs::read_to_string(&log).unwrap();
        let mut names: Vec<String> = log.lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

/// Makes the folders, and the programs whose names are its argument.
const MAKE: &str = r#"
    mkdir bin bin/sub work work/sub other
    printf '%s\n' '#!/bin/sh' 'printf "%s\n" "${0##*/}" >> "$PROBE_LOG"' > program
    chmod 755 program
    for name in $0; do ln program "bin/$name"; done
    ln program bin/rev
    ln program other/tool
    ln program work/evil
    ln program work/ls
"#;

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    all.sort();
    all
}

#[test]
fn what_is_allowed_starts_only_what_it_names() {
    let machine = Machine::new();
    for (command, starts) in ALLOWED {
        let command = machine.command(command);
        assert_eq!(machine.check(&command), Ok(()), "{command:?}");
        let mut starts: Vec<String> = starts.iter().map(|&name| name.to_owned()).collect();
        starts.sort();
        assert_eq!(machine.started(&command), starts, "{command:?}");
    }
}

#[test]
fn everything_else_is_asked_about() {
    let machine = Machine::new();
    let mut wrong = Vec::new();
    for (command, why) in ASKED {
        let command = machine.command(command);
        let checked = machine.check(&command);
        if checked.as_ref().err().map(Why::of) != Some(*why) {
            wrong.push(format!("{command:?} is {checked:?}, not {why:?}"));
        }
        // Nor does a yes to it put anything on the list.
        let paths = paths_to_allow(&command, &machine.programs(), &[&machine.place("work")]);
        if *why != NotListed && paths.is_ok() {
            wrong.push(format!("{command:?} would allow {paths:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_on_a_pipe_reads_and_writes_nothing_else() {
    let machine = Machine::new();
    let mut safe_bins: Vec<String> = "jq grep cut sort uniq head tail tr wc"
        .split(' ')
        .map(str::to_owned)
        .collect();
    safe_bins.extend(["rev", "python3", "bash", "xargs", "tee", "sed"].map(str::to_owned));
    let only_ls = format!("{}/ls", machine.place("bin").display());
    for (command, is_safe) in ON_A_PIPE {
        let piped = format!("ls | {command}");
        let checked = machine.check_with(&only_ls, Some(&safe_bins), &piped);
        assert_eq!(checked.is_ok(), *is_safe, "{piped:?}: {checked:?}");
        if *is_safe {
            let name = command.split(' ').next().unwrap();
            let mut expected = vec!["ls".to_owned(), name.to_owned()];
            expected.sort();
            assert_eq!(machine.started(&piped), expected, "{piped:?}");
        }
        // Without a pipe there is nothing for it to work on.
        for alone in [
            (*command).to_owned(),
            format!("ls; {command}"),
            format!("ls || {command}"),
        ] {
            assert!(
                machine
                    .check_with(&only_ls, Some(&safe_bins), &alone)
                    .is_err(),
                "{alone:?} passed"
            );
        }
    }
}

/// What is allowed for good is a path. Whoever may write there says what runs: the owner, and never the agent unasked. A
/// copy or another hard link of a shell under a harmless name is not told from what it is called.
#[test]
fn a_program_is_its_path() {
    let machine = Machine::new();
    let ls = machine.place("bin/ls");
    let only_ls = ls.display().to_string();
    assert!(machine.check_with(&only_ls, None, "ls").is_ok());
    // Another file is put there.
    std::fs::remove_file(&ls).unwrap();
    std::fs::hard_link(machine.place("bin/stat"), &ls).unwrap();
    assert!(machine.check_with(&only_ls, None, "ls").is_ok());
    // A link that leads to what can do anything, or to where the agent writes, is followed.
    for target in ["busybox", "../work/evil"] {
        std::fs::remove_file(&ls).unwrap();
        symlink(target, &ls).unwrap();
        assert!(
            machine.check_with(&only_ls, None, "ls").is_err(),
            "{target}"
        );
    }
    // The one earlier in PATH is another program.
    let programs = Programs::new(
        &format!("{0}/other:{0}/bin", machine.root.display()),
        machine.place("work"),
    );
    std::fs::rename(machine.place("other/tool"), machine.place("other/stat")).unwrap();
    let stat = machine.place("bin/stat").display().to_string();
    let list = Allowlist::new([stat.as_str()], None, &machine.root);
    assert!(list.check("stat x", &programs, &[]).is_err());
}
