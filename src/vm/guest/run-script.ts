import { SCRIPT_START, WAIT_FOR_NVME } from "./common-script.ts";

/** Where the scripts find what differs from run to run. */
export const RUN_FILES = {
  /** Lines `SERIAL NAME`, in the order of the kernel names that the controllers are to have. */
  disks: "etc/peerlane/disks",
  /** Shell variables of the run. */
  environment: "etc/peerlane/environment",
  command: "etc/peerlane/command",
  welcome: "etc/peerlane/welcome",
} as const;

/** What the guest says on its control port, a line each; see `guest-control.ts` for the reading side. */
export const CONTROL = { started: "@started", exit: "@exit", failed: "@failed" } as const;

/**
 * Kernel names follow the order in which controllers were probed, which is in the background and any. Where it is not
 * the wanted one, the driver lets go of all and takes them again one by one.
 */
const NAME_CONTROLLERS = `number=0
isRight=yes
while read -r serial name; do
  [ "$(cat /sys/class/nvme/nvme$number/serial 2>/dev/null | tr -d ' ')" = "$serial" ] || isRight=no
  number=$((number + 1))
done < /${RUN_FILES.disks}
if [ $isRight = no ]; then
  for controller in /sys/class/nvme/nvme*; do
    address=$(readlink -f $controller/device)
    echo "$(tr -d ' ' < $controller/serial) \${address##*/}"
  done > /tmp/addresses
  while read -r serial address; do echo $address > /sys/bus/pci/drivers/nvme/unbind; done < /tmp/addresses
  while read -r serial name; do
    sed -n "s/^$serial //p" /tmp/addresses > /sys/bus/pci/drivers/nvme/bind
  done < /${RUN_FILES.disks}
  rm /tmp/addresses
${WAIT_FOR_NVME}
fi
mkdir -p /dev/disk/by-name
number=0
while read -r serial name; do
  [ "$(cat /sys/class/nvme/nvme$number/serial 2>/dev/null | tr -d ' ')" = "$serial" ] || fail "the controller nvme$number did not come up"
  ln -s ../../nvme\${number}n1 /dev/disk/by-name/$name
  number=$((number + 1))
done < /${RUN_FILES.disks}
`;

/** All ports are raw, so that bytes come through as they are. `stty` waits until what was written is out. */
const START = `${SCRIPT_START}
for port in 1 2 3; do stty -F /dev/ttyS$port raw -echo; done
exec 7>/dev/ttyS1 8>/dev/ttyS2 9>/dev/ttyS3
end() {
  sync
  for port in 1 2; do stty -F /dev/ttyS$port raw; done
  echo "$@" >&9
  stty -F /dev/ttyS3 raw
  poweroff -f
}
fail() { end "${CONTROL.failed} $*"; }
${WAIT_FOR_NVME}
[ "$(ls /sys/class/block | grep -c '^nvme[0-9]*n1$')" -ge $controllers ] || fail "not all NVMe controllers came up"
${NAME_CONTROLLERS}
mkdir -p /root
cd /root
export HOME=/root PATH=/bin PS1='guest:\\w# '
. /${RUN_FILES.environment}
echo "${CONTROL.started}" >&9
`;

/**
 * Ends all that still runs but this script and those named; kernel threads take no signal. Without it a process that the
 * command left in the background, with its output open, would keep the guest up.
 */
const END_OTHERS = (spared: string): string => `for process in /proc/[0-9]*; do
  case \${process#/proc/} in
    $$|${spared}) ;;
    *) kill -KILL \${process#/proc/} 2>/dev/null ;;
  esac
done`;

/**
 * The guest's `/init` that runs one command: its standard output and error are pipes, its input is empty. What it has
 * written comes through, and the guest ends with it, as a container does.
 */
export const COMMAND_SCRIPT: string = `${START}
mkfifo /tmp/stdout /tmp/stderr
cat /tmp/stdout >&7 &
output=$!
cat /tmp/stderr >&8 &
errors=$!
sh /${RUN_FILES.command} </dev/null >/tmp/stdout 2>/tmp/stderr 7>&- 8>&- 9>&-
code=$?
${END_OTHERS("$output|$errors")}
wait $output $errors
end "${CONTROL.exit} $code"
`;

/** The guest's `/init` that runs a shell on the second serial port; the host tells the size of its terminal. */
export const SHELL_SCRIPT: string = `${START}
stty -F /dev/ttyS1 sane
while read -r rows columns; do stty -F /dev/ttyS1 rows $rows cols $columns; done </dev/ttyS3 &
cat /${RUN_FILES.welcome} >&7
setsid -c sh -l </dev/ttyS1 >/dev/ttyS1 2>&1 7>&- 8>&- 9>&-
code=$?
end "${CONTROL.exit} $code"
`;
