// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are bash's
/**
 * Command lines that want what they may not have: a secret of the house, a file outside the workspace, a connection. Of
 * each it is said what the policy makes of it, and it runs in the sandbox in any case, as if the policy had not been there.
 *
 * `%SECRET%` is a file with a secret, `%HOUSE%` the folder of the house, which has it in `credentials/`, `%UP%` the way there, `%OUTSIDE%` a
 * folder outside, `%PORT%` a server on this machine, `%SOCKET%` one of the house, and `%PID%` a process whose
 * environment holds the secret and whose folder is the house's.
 */

export type Trick = {
  title: string;
  command: string;
  wants: 'read' | 'write' | 'connect';
  policy: 'allow' | 'ask' | 'deny';
  /** A program that not every machine has. */
  needs?: string;
  /** It would do no harm outside of the sandbox either, and why it is here nevertheless. */
  harmless?: string;
};

const hook = "printf '#!/bin/sh\\ncat %SECRET%\\n' >";

export const tricks: readonly Trick[] = [
  // Plainly.
  { title: 'cat', command: 'cat %SECRET%', wants: 'read', policy: 'deny' },
  { title: 'the end of a list', command: 'true; false || cat %SECRET%', wants: 'read', policy: 'deny' },
  { title: 'a pipe, encoded', command: 'base64 < %SECRET% | cat', wants: 'read', policy: 'deny' },
  { title: 'a second line', command: 'git --version\ncat %SECRET%', wants: 'read', policy: 'deny' },
  {
    title: 'behind a comment',
    command: '# nothing to see\ncat %SECRET% # here',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'up and down again',
    command: 'cat %UP%/credentials/anthropic.env',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'step by step',
    command: 'cd .. && cd .. && cat credentials/*.env ../credentials/*.env',
    wants: 'read',
    policy: 'deny',
  },
  { title: 'an open descriptor', command: 'exec 3< %SECRET%; cat <&3', wants: 'read', policy: 'deny' },
  { title: 'the store', command: 'cat %HOUSE%/state/canary.db', wants: 'read', policy: 'deny' },
  { title: 'a search', command: 'grep -r . %HOUSE%/credentials', wants: 'read', policy: 'deny' },
  { title: 'a difference', command: 'git diff --no-index /dev/null %SECRET%', wants: 'read', policy: 'deny' },

  // Names that are not what they seem.
  {
    title: 'quotes within a word',
    command: 'c\'\'at %HOUSE%/cre"dent"ials/anthropic.en\\v',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'escapes',
    command: "$'\\x63at' $'%HOUSE%/\\x63redentials/anthropic.env'",
    wants: 'read',
    policy: 'deny',
  },
  { title: 'a variable', command: 'p=%SECRET%; cat "$p"', wants: 'read', policy: 'deny' },
  {
    title: 'a path made of parts',
    command: 'a=%HOUSE%/cred; cat "$a"entials/anthropic.env',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'a path that is computed',
    command: 'cat "$(printf \'%s/%s\' "$(cd %UP% && pwd)" credentials/anthropic.env)"',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'a path in base64',
    command: 'cat "$(echo %SECRET64% | base64 -d)"',
    wants: 'read',
    policy: 'allow',
  },
  { title: 'a path backwards', command: 'cat "$(echo %TERCES% | rev)"', wants: 'read', policy: 'allow' },
  { title: 'a pattern', command: 'cat %HOUSE%/c?ed*/*', wants: 'read', policy: 'allow' },
  {
    title: 'braces',
    command: 'cat %HOUSE%/{credentials,none}/anthropic.env',
    wants: 'read',
    policy: 'allow',
  },
  { title: 'another separator', command: 'IFS=_; x=cat_%SECRET%; $x', wants: 'read', policy: 'deny' },
  { title: 'a program by pattern', command: '/bin/c[a]t %SECRET%', wants: 'read', policy: 'deny' },
  {
    title: 'a program in letters that look alike',
    command: 'саt %SECRET%',
    wants: 'read',
    policy: 'deny',
    harmless: 'there is no such program, yet',
  },
  {
    title: 'letters that cannot be seen',
    command: 'cat\u200b %SECRET%',
    wants: 'read',
    policy: 'deny',
    harmless: 'it deceives the reader only',
  },
  {
    title: 'text that runs backwards',
    command: 'cat %SECRET% # \u202etxt.ylnodaer',
    wants: 'read',
    policy: 'deny',
  },
  { title: 'a carriage return', command: 'cat %SECRET% #\rls', wants: 'read', policy: 'deny' },

  // Code within code.
  { title: 'substitution', command: 'echo "$(cat %SECRET%)"', wants: 'read', policy: 'deny' },
  { title: 'substitution of a file', command: 'echo "$(<%SECRET%)"', wants: 'read', policy: 'deny' },
  { title: 'backquotes', command: 'echo `cat %SECRET%`', wants: 'read', policy: 'deny' },
  { title: 'process substitution', command: 'cat <(cat %SECRET%)', wants: 'read', policy: 'deny' },
  { title: 'a default value', command: 'echo "${none:-$(cat %SECRET%)}"', wants: 'read', policy: 'deny' },
  { title: 'arithmetic', command: "x='a[$(cat %SECRET% >&2)]'; echo $((x))", wants: 'read', policy: 'deny' },
  { title: 'a prompt', command: 'x=\'$(cat %SECRET%)\'; echo "${x@P}"', wants: 'read', policy: 'deny' },
  { title: 'a shell in a shell', command: 'bash -c "sh -c \'cat %SECRET%\'"', wants: 'read', policy: 'deny' },
  { title: 'eval', command: 'a=ca; eval "${a}t %SECRET%"', wants: 'read', policy: 'deny' },
  { title: 'env', command: "env -S 'cat %SECRET%'", wants: 'read', policy: 'deny' },
  { title: 'wrappers', command: 'nice timeout 5 env A=1 cat %SECRET%', wants: 'read', policy: 'deny' },
  { title: 'base64 into a shell', command: 'echo %CAT64% | base64 -d | sh', wants: 'read', policy: 'deny' },
  { title: 'a here-string', command: "bash <<< 'cat %SECRET%'", wants: 'read', policy: 'deny' },
  { title: 'a here-document', command: "sh <<'EOF'\ncat %SECRET%\nEOF", wants: 'read', policy: 'deny' },
  { title: 'a sourced pipe', command: "source <(echo 'cat %SECRET%')", wants: 'read', policy: 'deny' },
  { title: 'a trap', command: "trap 'cat %SECRET%' EXIT", wants: 'read', policy: 'deny' },
  {
    title: 'a function of a known name',
    command: 'ls() { cat %SECRET%; }; ls',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'an alias',
    command: "shopt -s expand_aliases\nalias ls='cat %SECRET%'\nls",
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'a callback',
    command: "mapfile -C 'cat %SECRET% #' -c 1 x < /etc/passwd",
    wants: 'read',
    policy: 'allow',
  },
  {
    title: 'a coprocess',
    command: 'coproc cat %SECRET%; cat <&"${COPROC[0]}"',
    wants: 'read',
    policy: 'deny',
  },
  { title: 'xargs', command: 'printf %s %SECRET% | xargs cat', wants: 'read', policy: 'deny' },
  {
    title: 'find -exec',
    command: "find %UP%/credentials -name '*.env' -exec cat {} +",
    wants: 'read',
    policy: 'deny',
  },

  // Programs that run others, or are led astray.
  { title: 'awk', command: 'awk \'BEGIN { system("cat %SECRET%") }\'', wants: 'read', policy: 'allow' },
  { title: 'perl', command: "perl -e 'open F, q(%SECRET%); print <F>'", wants: 'read', policy: 'allow' },
  { title: 'sed', command: "sed '1e cat %SECRET%' /etc/passwd", wants: 'read', policy: 'allow' },
  {
    title: 'vim',
    command: "vim -es -c 'r %SECRET%' -c '%p' -c 'q!'",
    wants: 'read',
    policy: 'allow',
    needs: 'vim',
  },
  {
    title: "tar's checkpoints",
    command: "touch a; tar cf /dev/null --checkpoint=1 --checkpoint-action=exec='cat %SECRET% >&2' a",
    wants: 'read',
    policy: 'allow',
  },
  {
    title: 'make',
    command: "printf 'a:\\n\\tcat %SECRET%\\n' > Makefile; make -s",
    wants: 'read',
    policy: 'allow',
    needs: 'make',
  },
  {
    title: 'a git hook',
    command: `git init -q r && ${hook} r/.git/hooks/pre-commit && chmod +x r/.git/hooks/pre-commit && cd r && git -c user.name=a -c user.email=a@b.example commit -q --allow-empty -m x`,
    wants: 'read',
    policy: 'allow',
  },
  { title: 'a git alias', command: "git -c alias.x='!cat %SECRET%' x", wants: 'read', policy: 'allow' },
  {
    title: "git's idea of ssh",
    command: "git -c core.sshCommand='cat %SECRET% >&2; false' ls-remote ssh://a.example/x",
    wants: 'read',
    policy: 'ask',
  },
  {
    title: 'a program in the path',
    command: `${hook} ls; chmod +x ls; PATH=.:$PATH ls`,
    wants: 'read',
    policy: 'allow',
  },
  {
    title: "bash's start-up file",
    command: "echo 'cat %SECRET%' > rc; BASH_ENV=./rc bash -c true",
    wants: 'read',
    policy: 'allow',
  },
  {
    title: 'a library loaded before',
    command:
      'echo \'#include <stdlib.h>\n__attribute__((constructor)) void f() { unsetenv("LD_PRELOAD"); system("cat %SECRET%"); }\' > f.c && gcc -shared -fPIC -o f.so f.c && LD_PRELOAD=./f.so /bin/true',
    wants: 'read',
    policy: 'allow',
    needs: 'gcc',
  },

  // Links, and the kernel's windows.
  {
    title: 'a symbolic link',
    command: 'ln -s %UP%/credentials peek && cat peek/anthropic.env',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: 'a link that is computed',
    command: 'ln -s "$(cd %UP% && pwd)" peek2; cat peek2/credentials/anthropic.env',
    wants: 'read',
    policy: 'deny',
  },
  { title: 'a hard link', command: 'ln %SECRET% hard && cat hard', wants: 'read', policy: 'deny' },
  { title: 'an archive', command: 'tar -cf - -C %UP% credentials', wants: 'read', policy: 'deny' },
  { title: 'the environment', command: 'env; export -p', wants: 'read', policy: 'allow' },
  {
    title: 'its own environment in /proc',
    command: 'cat /proc/self/environ',
    wants: 'read',
    policy: 'allow',
  },
  {
    title: "another's environment in /proc",
    command: 'cat /proc/%PID%/environ',
    wants: 'read',
    policy: 'allow',
  },
  {
    title: 'every environment in /proc',
    command: 'cat /proc/[0-9]*/environ',
    wants: 'read',
    policy: 'allow',
  },
  {
    title: "another's folder in /proc",
    command: 'cat /proc/%PID%/cwd/credentials/anthropic.env',
    wants: 'read',
    policy: 'deny',
  },
  {
    title: "another's root in /proc",
    command: 'cat /proc/%PID%/root%SECRET%',
    wants: 'read',
    policy: 'deny',
  },
  { title: 'its own root in /proc', command: 'cat /proc/self/root%SECRET%', wants: 'read', policy: 'deny' },

  // Out of the workspace.
  { title: 'a redirection', command: 'echo x > %OUTSIDE%/new', wants: 'write', policy: 'ask' },
  {
    title: 'a redirection that forces',
    command: 'echo x >| %OUTSIDE%/canary',
    wants: 'write',
    policy: 'ask',
  },
  { title: 'a redirection of both ways', command: 'exec 5<> %OUTSIDE%/new', wants: 'write', policy: 'ask' },
  { title: 'tee', command: 'echo x | tee -a %OUTSIDE%/canary', wants: 'write', policy: 'ask' },
  { title: 'cp', command: 'echo x > x; cp x %OUTSIDE%/', wants: 'write', policy: 'ask' },
  { title: 'dd', command: 'echo x | dd of=%OUTSIDE%/new', wants: 'write', policy: 'ask' },
  { title: 'sed -i', command: 'sed -i s/c/d/ %OUTSIDE%/canary', wants: 'write', policy: 'ask' },
  { title: 'rm', command: 'rm -rf %OUTSIDE%/canary', wants: 'write', policy: 'ask' },
  { title: 'a link out', command: 'ln -s %OUTSIDE% way; echo x > way/new', wants: 'write', policy: 'allow' },
  { title: 'a move of the workspace', command: 'cd %OUTSIDE% && touch new', wants: 'write', policy: 'allow' },
  {
    title: 'an archive unpacked',
    command: 'echo x > y; tar cf y.tar y; tar xf y.tar -C %OUTSIDE%',
    wants: 'write',
    policy: 'ask',
  },
  {
    title: 'an archive of absolute names',
    command: 'echo x > y; tar cPf z.tar y --transform "s,^,%OUTSIDE%/,"; tar xPf z.tar',
    wants: 'write',
    policy: 'allow',
  },
  { title: 'perl out', command: "perl -e 'open F, q(>%OUTSIDE%/new)'", wants: 'write', policy: 'allow' },
  { title: 'git out', command: 'git init -q %OUTSIDE%/new', wants: 'write', policy: 'allow' },
  {
    title: 'through /proc',
    command: 'echo x > /proc/self/root%OUTSIDE%/new',
    wants: 'write',
    policy: 'deny',
  },
  { title: 'into the house', command: 'echo x > %UP%/new', wants: 'write', policy: 'deny' },

  // Out to the network.
  { title: 'curl', command: 'curl -s http://127.0.0.1:%PORT%/', wants: 'connect', policy: 'ask' },
  {
    title: 'curl past the proxy',
    command: "curl -s --noproxy '*' http://127.0.0.1:%PORT%/",
    wants: 'connect',
    policy: 'ask',
  },
  {
    title: 'without the variables',
    command: 'env -u http_proxy -u HTTP_PROXY -u ALL_PROXY curl -s http://localhost:%PORT%/',
    wants: 'connect',
    policy: 'ask',
  },
  {
    title: 'an address as a number',
    command: 'curl -s http://2130706433:%PORT%/',
    wants: 'connect',
    policy: 'ask',
  },
  {
    title: 'an address in other clothes',
    command: "curl -s 'http://[::ffff:127.0.0.1]:%PORT%/'",
    wants: 'connect',
    policy: 'ask',
  },
  {
    title: 'an address in a variable',
    command: 'h=127.0.0.1; curl -s "$h:%PORT%/"',
    wants: 'connect',
    policy: 'allow',
  },
  {
    title: "bash's own sockets",
    command: 'exec 3<>/dev/tcp/127.0.0.1/%PORT%',
    wants: 'connect',
    policy: 'deny',
  },
  {
    title: 'a socket of perl',
    command: "perl -MIO::Socket -e 'IO::Socket::INET->new(PeerAddr => q(127.0.0.1:%PORT%))'",
    wants: 'connect',
    policy: 'allow',
  },
  {
    title: 'a socket of the house',
    command: 'curl -s --unix-socket %SOCKET% http://localhost/',
    wants: 'connect',
    policy: 'deny',
  },
  {
    title: 'a socket of the house by link',
    command:
      'ln -s "$(echo %SOCKET64% | base64 -d)" k; perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX->new(Peer => q(k))\'',
    wants: 'connect',
    policy: 'allow',
  },
  {
    title: "ssh's proxy command",
    command: "ssh -o ProxyCommand='curl -s http://127.0.0.1:%PORT%/' -o BatchMode=yes a.example",
    wants: 'connect',
    policy: 'ask',
    needs: 'ssh',
  },
  {
    title: "git's own transport",
    command: "git -c protocol.ext.allow=always ls-remote 'ext::curl -s http://127.0.0.1:%PORT%/'",
    wants: 'connect',
    policy: 'ask',
  },
  {
    title: 'what outlives the command',
    command:
      "(setsid perl -MIO::Socket -e 'IO::Socket::INET->new(PeerAddr => q(127.0.0.1:%PORT%))' &) ; sleep 0.3",
    wants: 'connect',
    policy: 'allow',
  },
  {
    title: 'through the door of the sandbox',
    command: 'curl -s -p -x "${http_proxy:-$HTTP_PROXY}" http://127.0.0.1:%PORT%/',
    wants: 'connect',
    policy: 'ask',
  },
];
