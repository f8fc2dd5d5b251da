//! Programs whose name tells nothing about what happens.

/// Programs that run, write or send what their arguments, their input or files of the folder say; by name, without a
/// version. No such list can be whole: a program that is not known is taken for what it is called.
#[rustfmt::skip]
const ANYTHING: &[&str] = &[
    // Shells and languages.
    "ash", "awk", "bash", "bc", "bioawk", "bpftrace", "bun", "busybox", "byebug", "clickhouse-client", "clisp",
    "clojure", "cmd", "coreutils", "crystal", "csh", "dart", "dash", "dc", "deno", "dotnet", "dtrace", "duckdb", "ecl",
    "ed", "elixir", "elvish", "erl", "ex", "expect", "fish", "frawk", "gawk", "gforth", "ghc", "ghci", "ginsh",
    "git-shell", "gjs", "gnuplot", "go", "goawk", "groovy", "gsed", "guile", "hush", "iex", "ipython", "irb", "janet",
    "java", "jjs", "jruby", "jrunscript", "jshell", "julia", "kotlin", "kotlinc", "ksh", "llc", "lli", "lua", "luajit",
    "luatex", "m4", "mariadb", "mawk", "maxima", "mksh", "mlr", "mongosh", "mono", "mysql", "nawk", "nim", "node",
    "nodejs", "nodemon", "nu", "nushell", "ocaml", "octave", "oil", "osascript", "osh", "pdb", "perl", "perl6", "php",
    "pike", "posh", "powershell", "pry", "psql", "pwsh", "pypy", "python", "qjs", "r", "racket", "raku", "rbash", "red",
    "redis-cli", "rscript", "ruby", "runghc", "runhaskell", "rview", "sash", "sbcl", "scala", "scheme", "sed", "sh",
    "slsh", "sqlcmd", "sqlite", "stap", "swift", "swiftc", "systemtap", "tclsh", "tcsh", "texlua", "toybox", "ts-node",
    "tsx", "txiki", "usql", "uutils", "wine", "wish", "xonsh", "yash", "yq", "ysh", "zig", "zsh", "zx",
    // What starts what its arguments name.
    "aa-exec", "abduco", "agetty", "alacritty", "ansible", "ansible-playbook", "arch", "at", "automator", "autossh",
    "aws-vault", "batch", "bats", "bpftool", "buildah", "busctl", "bwrap", "byobu", "caffeinate", "capsh",
    "catatonit", "catchsegv", "cgexec", "chamber", "chef", "choom", "chpst", "chronic", "chroot", "chrt", "clush",
    "colima", "consul", "cpulimit", "crash", "crictl", "crontab", "ctr", "daemonize", "dbus-launch",
    "dbus-run-session", "dbus-send", "distrobox", "doas", "docker", "doppler", "dotenv", "dtach", "dumb-init",
    "dumpcap", "eatmydata", "entr", "env", "envdir", "envuidgid", "execlineb", "facter", "fakechroot", "fakeroot",
    "faketime", "fd", "fdfind", "find", "firejail", "flock", "foot", "forever", "fzf", "gcore", "gdb", "gdbus",
    "gnome-terminal", "gosu", "heaptrack", "helm", "hping3", "hyperfine", "i386", "ifne", "ionice", "ip", "kitty",
    "knife", "konsole", "ksu", "kubectl", "kvm", "launchctl", "ld", "ld-linux", "ld-linux-x86-64.so",
    "ld-musl-x86_64.so", "ld.so", "lima", "limactl", "linux32", "linux64", "lldb", "logrotate", "logsave", "ltrace",
    "lxc", "machinectl", "masscan", "minikube", "mosh", "multipass", "multitime", "nc", "ncat", "nerdctl", "netcat",
    "newgrp", "nice", "nmap", "nohup", "nomad", "nsenter", "nsupdate", "numactl", "oc", "open", "openssl", "openvt",
    "parallel", "pdsh", "pee", "perf", "pexec", "pkexec", "pm2", "podman", "prlimit", "proot", "proxychains",
    "pulumi", "puppet", "qemu", "rexec", "rlogin", "rlwrap", "rr", "rsh", "rsync", "run-one", "run-parts", "run0",
    "runsv", "runuser", "rush", "rxvt", "s6-svc", "salt", "sandbox-exec", "scp", "screen", "script", "service",
    "setarch", "setlock", "setpriv", "setsid", "setuidgid", "sftp", "sg", "shortcuts", "skopeo", "socat", "softlimit",
    "ssh", "ssh-agent", "ssh-copy-id", "ssh-keygen", "sshpass", "start", "start-stop-daemon", "stdbuf", "strace",
    "su", "sudo", "supervisorctl", "systemctl", 
    "taskset", "tcpdump", "telnet", "terminator", "terraform", "tilix", "time", "timeout",
    "tini", "tmate", "tmux", "toolbox", "torify", "torsocks", "tshark", "tsocks", "uname26", "unbuffer", "unshare",
    "urxvt", "vagrant", "valgrind", "vault", "vidir", "vipe", "virsh", "vmtouch", "watch", "wezterm", "wt",
    "x-terminal-emulator", "x86_64", "xargs", "xcrun", "xdg-open", "xe", "xfce4-terminal", "xterm", "xvfb-run",
    "zellij",
    // What runs what files in the folder, or its own settings, say.
    "7z", "ant", "apk", "apt", "apt-get", "aptitude", "ar", "arj", "asciidoc", "asciidoctor", "asdf", "astro",
    "autoconf", "automake", "autoreconf", "bazel", "bear", "bloop", "bmake", "bower", "brew", "bsdtar", "buck", "buf",
    "buildr", "bundle", "bzr", "c++", "cabal", "cargo", "cc", "ccache", "cdk", "clang", "clang++", "cmake", "composer",
    "conda", "corepack", "coursier", "cpan", "cpio", "ctest", "cypress", "dagger", "darcs", "ddrescue", "debuild",
    "devcontainer", "diff3", "direnv", "distcc", "dnf", "doit", "dpkg", "dpkg-buildpackage", "drake", "dub", "dune",
    "dvips", "earthly", "easy_install", "eleventy", "emerge", "eopkg", "esbuild", "eslint", "fab", "fastlane", "flake8",
    "flatc", "flatpak", "flutter", "fossil", "g++", "gcc", "gem", "gh", "ghostscript", "git", "gitk", "gmake", "gn",
    "gradle", "gradlew", "groff", "grunt", "gs", "guix", "gulp", "hatch", "hg", "home-manager", "hugo", "invoke", "ivy",
    "jekyll", "jest", "jj", "jupyter", "just", "karma", "latex", "latexmk", "lazygit", "lein", "lerna", "lha",
    "lilypond", "lualatex", "make", "makepkg", "mamba", "meson", "micromamba", "mise", "mix", "mkdocs", "mocha", "mvn",
    "mypy", "nextflow", "ninja", "nix", "nix-shell", "nixos-rebuild", "nm", "nox", "npm", "npx", "nroff", "nuxt", "nx",
    "opam", "opkg", "packer", "pacman", "pandoc", "pants", "parcel", "patch", "pax", "pdflatex", "pdftex", "pdm",
    "pijul", "pip", "pipenv", "pipx", "pixi", "pkg", "playwright", "pnpm", "pnpx", "poetry", "port", "portage",
    "pre-commit", "premake", "prettier", "protoc", "ps2pdf", "pylint", "pytest", "qmake", "rails", "rake", "ranlib",
    "rar", "rebar", "rollup", "rpm", "rpmbuild", "rustc", "rustup", "rye", "sam", "sbt", "scalar", "scons", "sdiff",
    "serverless", "shar", "skaffold", "snakemake", "snap", "sphinx-build", "stack", "storybook", "stylelint", "svn",
    "svnlook", "tar", "task", "tcc", "tex", "thor", "thrift", "tig", "tilt", "tox", "troff", "tsc", "turbo", "typst",
    "unar", "unrar", "unsquashfs", "unzip", "uv", "uvx", "virtualenv", "vite", "vitest", "waf", "webpack",
    "xbps-install", "xcode-select", "xcodebuild", "xelatex", "xmake", "yarn", "yum", "zip", "zypper",
    // Editors and pagers.
    "ack", "ack-grep", "ag", "alpine", "amp", "atom", "bat", "batcat", "bootctl", "brave", "browsh", "bzless", "bzmore",
    "chrome", "chromium", "code", "compare", "composite", "convert", "coredumpctl", "delta", "display", "editor",
    "elinks", "emacs", "emacsclient", "exiftool", "ffmpeg", "firefox", "ftp", "gallery-dl", "gedit", "gimp", "gm",
    "google-chrome", "helix", "hostnamectl", "hx", "identify", "info", "inkscape", "irssi", "jed", "joe", "journalctl",
    "kak", "kakoune", "kate", "less", "lf", "lftp", "libreoffice", "links", "localectl", "loginctl", "lynx", "lzless",
    "lzmore", "magick", "mail", "man", "mc", "micro", "mogrify", "montage", "more", "most", "mplayer", "mpv", "mutt",
    "nano", "neomutt", "networkctl", "newsboat", "nnn", "nvim", "opera", "pager", "pg", "pico", "ranger", "resolvectl",
    "run-mailcap", "rvim", "safari", "sensible-browser", "sensible-editor", "sensible-pager", "soffice", "sox",
    "streamlink", "subl", "sublime", "timedatectl", "ug", "ugrep", "vi", "view", "vifm", "vigr", "vim", "vimdiff",
    "vips", "vipw", "vlc", "w3m", "weechat", "www-browser", "x-www-browser", "xmore", "xzless", "xzmore", "yazi",
    "youtube-dl", "yt-dlp", "zile", "zless", "zmore",
    // What writes or sends anywhere by its arguments.
    "7za", "7zr", "7zz", "aria2c", "arping", "aws", "az", "borg", "brotli", "bunzip2", "bzip2", "certutil", "chattr",
    "chmod", "chown", "chpasswd", "cloudflared", "compress", "cp", "cscript", "csplit", "curl", "curlie", "dd",
    "debugfs", "defaults", "delv", "dig", "dmsetup", "doctl", "dos2unix", "drill", "dscl", "duplicity", "fdisk",
    "finger", "flyctl", "fping", "gcloud", "getent", "gpasswd", "gpg", "gpg2", "groupadd", "grpcurl", "gsutil",
    "gunzip", "gzip", "heroku", "host", "http", "httpie", "https", "insmod", "install", "kdig", "lbzip2", "ldapsearch",
    "link", "ln", "logger", "losetup", "lp", "lpr", "lz4", "lzip", "lzma", "lzop", "mailx", "mkfifo", "mkfs", "mknod",
    "modprobe", "mosquitto_pub", "mount", "mshta", "msmtp", "mtr", "mv", "ncftp", "netlify", "ngrok", "nslookup",
    "objcopy", "parted", "pass", "passwd", "pbzip2", "pigz", "ping", "pixz", "plistbuddy", "plutil", "pzstd", "rclone",
    "reg", "rename", "restic", "rm", "rmail", "rundll32", "s3cmd", "scapy", "security", "sendmail", "setcap", "setfacl",
    "shred", "smbclient", "split", "sponge", "strip", "swaks", "sysctl", "tailscale", "tcptraceroute", "tee", "tftp",
    "touch", "tracepath", "traceroute", "truncate", "uncompress", "unix2dos", "unlink", "unlz4", "unlzip", "unlzma",
    "unlzop", "unxz", "unzstd", "update-alternatives", "useradd", "usermod", "uudecode", "vercel", "visudo", "websocat",
    "wget", "whois", "wrangler", "wscript", "xh", "xmllint", "xmlstarlet", "xsltproc", "xz", "zopfli", "zstd", "zstdmt",
    // Agents, this one among them: they do what they are told.
    "aider", "claude", "clawdbot", "codex", "copilot", "cursor-agent", "gemini", "goose", "interpreter", "llm",
    "moltbot", "nanobot", "ollama", "openclaw", "opencode", "picoclaw", "zeroclaw",
];

/// Those whose other programs are of their kind: `git-shell`, `python3-dbg`, `ld-linux-aarch64.so.1`, `systemd-run`.
#[rustfmt::skip]
const FAMILIES: [&str; 26] = [
    "bash", "busybox", "cargo", "clang", "docker", "emacs", "gcc", "git", "java", "ld", "lua", "node", "npm", "perl",
    "php", "pip", "podman", "pwsh", "python", "qemu", "ruby", "sqlite", "ssh", "sudo", "systemd", "vim",
];

/// What compilers are called behind the name of the machine that they build for (`aarch64-linux-gnu-gcc-12`).
const BUILD_TOOLS: [&str; 12] = [
    "ar", "as", "c++", "cc", "g++", "gcc", "gdb", "ld", "nm", "objcopy", "ranlib", "strip",
];

/// Whether a file's name, in lower case, is that of such a program. `python3.13`, `node22.exe`, `vim.basic` and
/// `perl5.36-x86_64-linux-gnu` are what they are without what stands behind.
pub(super) fn does_anything(name: &str) -> bool {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let plain = without_version(name);
    let before_dot = without_version(name.split('.').next().unwrap_or(name));
    let first = without_version(name.split(PARTING).next().unwrap_or(name));
    let last = plain.rsplit(PARTING).next().unwrap_or(plain);
    [name, plain, before_dot]
        .iter()
        .any(|name| ANYTHING.contains(name))
        || FAMILIES.contains(&first)
        || BUILD_TOOLS.contains(&last)
}

const PARTING: [char; 3] = ['.', '-', '_'];

fn without_version(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || PARTING.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_additions_hide_nothing() {
        for name in [
            "python3.13",
            "bash",
            "node22.exe",
            "gcc-14",
            "git",
            "git-shell",
            "lua5.4",
            "busybox",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
            "ld-musl-aarch64.so.1",
            "ld64.so.2",
            "perl5.36-x86_64-linux-gnu",
            "x86_64-linux-gnu-gcc-12",
            "python3-dbg",
            "vim.basic",
            "nc.openbsd",
            "php-cgi8.2",
            "bash-static",
            "qemu-aarch64",
            "systemd-run",
            "x86_64",
            "moltbot",
        ] {
            assert!(does_anything(name), "{name}");
        }
        for name in [
            "ls",
            "cat",
            "rg",
            "wc",
            "date",
            "7zz-like",
            "code-stats",
            "sha256sum",
            "stat",
            "df",
            "ps",
            "tree",
            "grep",
            "sort",
        ] {
            assert!(!does_anything(name), "{name}");
        }
    }
}
