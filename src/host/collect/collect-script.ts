import { KERNEL_NAME_FORMS } from "../redaction/kernel-names.ts";
import { RELEASE_WORDS } from "../redaction/kernel-release.ts";
import { PARAMETER_WORDS, PARAMETERS } from "../redaction/parameters.ts";
import { GONE } from "../redaction/scrub.ts";
import { ANCHOR_SYMBOLS, CONFIG_SYMBOLS, MODULES } from "../system-files.ts";
import { END_MARK, HEAD_MARK } from "./read-collected.ts";

/** A form of names as an extended regular expression of POSIX. */
function posixForm(form: RegExp): string {
  return form.source.replaceAll("(?:", "(").replaceAll(String.raw`\d`, "[0-9]").replaceAll(String.raw`\.`, "[.]");
}

/** Words in lines of a shell text. */
function wrapped(words: readonly string[]): string {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line.length + word.length > 110) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/**
 * Config space as `od` prints it, in the rows of `lspci -xxxx`, with zeros for all registers that no rule needs: the same
 * bytes stay as in a snapshot (`withoutIdentifiers`).
 */
export const CLEAN_CONFIG: string = String.raw`
function hex(c) { return index("0123456789abcdef", c) - 1 }
function u8(o) { return o < n ? 16 * hex(substr(byte[o], 1, 1)) + hex(substr(byte[o], 2, 1)) : 0 }
function u16(o) { return u8(o) + 256 * u8(o + 1) }
function u32(o) { return u16(o) + 65536 * u16(o + 2) }
function keep(from, to,  i) { for (i = from; i < to && i < n; i++) kept[i] = 1 }
function drop(from, to,  i) { for (i = from; i < to; i++) kept[i] = 0 }
# Where the entries of an Enhanced Allocation end.
function allocation_end(o,  end, left) {
  end = o + (type == 1 ? 8 : 4)
  for (left = u8(o + 2) % 64; left > 0 && end < 256; left--) end += 4 * (u32(end) % 8 + 1)
  return end - o
}
function standard_end(id, o) {
  if (id == 1) return 6
  if (id == 5) return 4
  if (id == 7) return 8
  if (id == 9) return 3
  if (id == 13) return 8
  if (id == 16) return u16(o + 2) % 16 < 2 ? 36 : 60
  if (id == 17) return 12
  if (id == 20) return allocation_end(o)
  return 2
}
function extended_end(id, o,  count) {
  if (id == 1) return 28
  if (id == 11 || id == 13 || id == 14 || id == 15 || id == 27) return 8
  if (id == 16) return 64
  if (id == 19) return 16
  if (id == 21) { count = int(u32(o + 8) / 32) % 8; return 4 + 8 * (count > 6 ? 6 : count) }
  if (id == 35) return 10
  return 4
}
# The registers of a capability, at most up to the next one.
function keep_one(o, end, head, following) {
  if (end < head) end = head
  if (following < o + head) following = o + head
  keep(o, o + end < following ? o + end : following)
}
BEGIN { n = 0 }
{ for (i = 1; i <= NF; i++) if (n < 4096) { byte[n++] = $i; if ($i != "ff") some = 1 } }
END {
  if (n == 0) exit
  type = u8(14) % 128
  if (some) clean(); else keep(0, n)
  for (i = 0; i < n; i++) {
    if (i % 16 == 0) printf("%s%02x:", i == 0 ? "" : "\n", i)
    printf(" %s", kept[i] ? byte[i] : "00")
  }
  print ""
}
function clean(  o, i, j, word, header, ns, ne, next_one) {
  ns = 0
  ne = 0
  keep(0, type < 2 ? 64 : type == 2 ? 72 : 16)
  if (type == 0) drop(53, 60)
  if (type == 1) drop(53, 56)
  if (type > 2) return
  if (int(u8(6) / 16) % 2 == 1 && n > (type == 2 ? 20 : 52)) {
    o = u8(type == 2 ? 20 : 52)
    while (ns <= 48) {
      o -= o % 4
      if (o < 64 || (o in seen) || o + 2 > n) break
      seen[o] = 1
      word = u16(o)
      if (word % 256 == 255) break
      standard[ns] = o
      standard_id[ns++] = word % 256
      o = int(word / 256)
    }
  }
  for (o = 256; o >= 256 && o + 4 <= n && !(o in seen); ) {
    seen[o] = 1
    header = u32(o)
    if (header == 0 || header == 4294967295) break
    keep(o, o + 4)
    if (header % 65536 != 0) { extended[ne] = o; extended_id[ne++] = header % 65536 }
    o = int(header / 1048576)
    o -= o % 4
  }
  for (i = 0; i < ns; i++) {
    next_one = 256
    for (j = 0; j < ns; j++) if (standard[j] > standard[i] && standard[j] < next_one) next_one = standard[j]
    keep_one(standard[i], standard_end(standard_id[i], standard[i]), 2, next_one)
  }
  for (i = 0; i < ne; i++) {
    next_one = n
    for (j = 0; j < ne; j++) if (extended[j] > extended[i] && extended[j] < next_one) next_one = extended[j]
    keep_one(extended[i], extended_end(extended_id[i], extended[i]), 4, next_one)
  }
  # Vital Product Data, Device Serial Number and Hierarchy ID name the part.
  for (i = 0; i < ns; i++) if (standard_id[i] == 3) drop(standard[i] + 2, standard[i] + 8)
  for (i = 0; i < ne; i++) {
    if (extended_id[i] == 3) drop(extended[i] + 4, extended[i] + 12)
    if (extended_id[i] == 40) drop(extended[i] + 4, extended[i] + 32)
  }
}`;

/** A kernel's release without the names that people gave it. */
export const KEEP_RELEASE: string = String.raw`
BEGIN { count = split(words, list, /[ \n]+/); for (i = 1; i <= count; i++) known[list[i]] = 1 }
{
  match($0, /^[0-9]+[.][0-9]+([.][0-9]+)*/)
  text = substr($0, 1, RLENGTH)
  rest = substr($0, RLENGTH + 1)
  numbers = 0
  while (rest != "") {
    match(rest, /^[-.+_~]*/)
    between = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
    match(rest, /^[^-.+_~]*/)
    part = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
    word = tolower(part)
    base = word
    sub(/[0-9]+$/, "", base)
    is_number = part ~ /^[0-9]+$/ && length(part) <= 6
    numbers = is_number ? numbers + 1 : 0
    good = part == "" || (is_number && numbers <= 3) || (word in known) || (base != "" && base in known && length(word) - length(base) <= 4) || word ~ /^(x86|x64|i[3-6]86|s390x?|el[0-9]+uek|oe[0-9]+(sp[0-9])?|20[0-9][0-9][0-9][0-9][0-9][0-9]|[0-9][0-9][0-9][0-9][0-9][0-9]rc[0-9]+|[0-9]+k)$/
    if (good) { text = text between part; gone = 0 }
    else { if (!gone) text = text between "${GONE}"; gone = 1 }
  }
  print text
}`;

/** Parameters of the kernel that decide how devices reach each other, without what else their values say. */
export const KEEP_PARAMETERS: string = String.raw`
BEGIN {
  count = split(names, list, /[ \n]+/); for (i = 1; i <= count; i++) is_name[list[i]] = 1
  count = split(words, list, /[ \n]+/); for (i = 1; i <= count; i++) is_word[list[i]] = 1
}
# A switch, a number, a device or ids, with flags or an alignment before it.
function is_plain(item) {
  if (item == "" || item in is_word) return 1
  return length(item) <= 80 && item ~ /^(-?[0-9]+[kKmMgG]?|0x[0-9a-fA-F]+|([0-9a-fA-F]+:)?[0-9a-fA-F][0-9a-fA-F]?:[0-9a-fA-F][0-9a-fA-F]?([.][0-7])?(\/[0-9a-fA-F][0-9a-fA-F]?[.][0-7])*|([01xX]+|[0-9]+)@[0-9a-fA-F:.\/pci]+|(pci:|id:)?[0-9a-fA-F*]+:[0-9a-fA-F*]+(:[0-9a-fA-F*]+)*)$/
}
function kept_value(value,  text, item, mark) {
  while (value != "") {
    match(value, /^[^,;=]*/)
    item = substr(value, 1, RLENGTH)
    mark = substr(value, RLENGTH + 1, 1)
    value = substr(value, RLENGTH + 2)
    if (!is_plain(item)) {
      # The kernel still sees that a device stands here.
      if (!match(item, /^([01xX]+@)?([0-9a-fA-F]+:)?[0-9a-fA-F][0-9a-fA-F]?:[0-9a-fA-F][0-9a-fA-F]?[.][0-7]/) || RLENGTH > 40) RLENGTH = 0
      item = substr(item, 1, RLENGTH) "${GONE}"
    }
    text = text item mark
  }
  return text
}
{
  gsub(/"/, "")
  for (i = 1; i <= NF; i++) {
    if ($i == "--") break
    at = index($i, "=")
    name = at ? substr($i, 1, at - 1) : $i
    gsub(/-/, "_", name)
    if (!(name in is_name)) continue
    line = line (line == "" ? "" : " ") (at ? substr($i, 1, at) kept_value(substr($i, at + 1)) : $i)
  }
  print line
}`;

/** Texts of lspci without the product data and the serial numbers in it. */
const CLEAN_LSPCI = String.raw`
/Vital Product Data/ { print; inside = 1; next }
inside && /^\t\t/ { next }
{ inside = 0 }
/Device Serial Number/ { sub(/Device Serial Number.*/, "Device Serial Number ${GONE}") }
{ print }`;

/**
 * The POSIX shell script of `peerlane collect`: it prints what the rules need of a machine as one text, with nothing but
 * `sh`, `awk`, `sed`, `grep` and `od`, and writes nothing. Given a folder it reads the copy of `sys/` and `proc/` there.
 */
export function collectScript(): string {
  const forms = KERNEL_NAME_FORMS.map((form) => `-e '${posixForm(form)}'`).join(" ");
  // `@{` stands for what begins an expansion of the shell and would begin one of TypeScript here.
  return String.raw`#!/bin/sh
# Gathers into one text what decides which PCI device reaches which other directly: run it as root on the server.
#
#     sudo sh collect.sh > server.txt        then, anywhere: peerlane server.txt
#     sh collect.sh DIR > server.txt         reads a copy of sys/ and proc/ below DIR
#
# It only reads, prints to standard output and sends nothing. Serial numbers, product data, MAC addresses, host and user
# names are left out. Without root, most of config space is hidden and most answers stay unknown.
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
root=@{1:-}
root=@{root%/}
real=$(cd -P "$root/" 2>/dev/null && pwd) || { echo "collect: no folder $root" >&2; exit 2; }
[ "$real" = / ] && real=
for tool in awk sed grep od; do
  command -v "$tool" >/dev/null || { echo "collect: $tool is missing here" >&2; exit 2; }
done
[ -d "$root/sys/bus/pci/devices" ] || { echo "collect: $root/sys/bus/pci/devices is missing: no PCI, or sysfs is not mounted" >&2; exit 2; }
[ -n "$root" ] || [ "$(id -u)" = 0 ] || echo "collect: without root most of config space is hidden: run it with sudo" >&2

release_words='${wrapped(RELEASE_WORDS)}'
parameter_names='${wrapped([...PARAMETERS.keys()])}'
parameter_words='${wrapped(PARAMETER_WORDS)}'
config_symbols='${wrapped([...CONFIG_SYMBOLS, ...ANCHOR_SYMBOLS])}'

keep_release='${KEEP_RELEASE.trim()}'
keep_parameters='${KEEP_PARAMETERS.trim()}'
clean_lspci='${CLEAN_LSPCI.trim()}'
clean_config='${CLEAN_CONFIG.trim()}'

# Names of this host and its people, which may stand in free text.
own_names() {
  if [ -z "$root" ]; then
    uname -n
    printf '%s\n' "@{USER:-}" "@{LOGNAME:-}" "@{SUDO_USER:-}"
    id -un
  fi
  cat "$root/etc/hostname" 2>/dev/null
  for home in "$root"/home/*; do printf '%s\n' "@{home##*/}"; done
}
name_filter=$(own_names 2>/dev/null | awk '
  { n = split($0, part, "."); if (n > 1) name[$0] = 1; name[part[1]] = 1 }
  END {
    for (one in name) {
      if (length(one) < 3 || one ~ /^(root|localhost|linux|debian|ubuntu|fedora|admin|user|host|server|gpu|nic|nvme|pci)$/ || one ~ /[*]/) continue
      gsub(/[^A-Za-z0-9_-]/, "[&]", one)
      for (twice = 0; twice < 2; twice++) printf "s/(^|[^A-Za-z0-9])%s($|[^A-Za-z0-9])/\\1${GONE}\\2/g\n", one
    }
  }')
# Free text without names, MAC addresses, GUIDs and serial numbers.
leave_out() {
  sed -E -e 's/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/${GONE}/g' \
    -e 's/[0-9a-fA-F]{2}([:_-][0-9a-fA-F]{2}){5,}/${GONE}/g' -e 's/[0-9a-fA-F]{4}([:.-][0-9a-fA-F]{4}){2,}/${GONE}/g' \
    -e '/^[[:space:]](Region|Memory|Prefetchable|Expansion|[[:space:]]Address)/!s/[0-9a-fA-F]{12,}/${GONE}/g' -e 's/([sS]erial[^:=]*[:=] *)[^ ]+/\1${GONE}/g' -e "$name_filter"
}
is_kernel_name() {
  printf '%s\n' "$1" | grep -Eq ${forms}
}
show_file() {
  [ -r "$root$1" ] || return 0
  content=$(cat "$root$1" 2>/dev/null) && [ -n "$content" ] || return 0
  printf '$ cat %s\n%s\n' "$1" "$content"
}

kernel() {
  release=$(cat "$root/proc/sys/kernel/osrelease" 2>/dev/null)
  if [ -z "$release" ] && [ -r "$root/proc/version" ]; then release=$(sed -n '1s/^Linux version \([^ ]*\).*/\1/p' "$root/proc/version"); fi
  [ -n "$release" ] || [ -n "$root" ] || release=$(uname -r)
  if [ -n "$release" ]; then
    shown=$(printf '%s\n' "$release" | leave_out | awk -v words="$release_words" "$keep_release")
    printf '$ cat /proc/version\nLinux version %s\n' "$shown"
    config=
    for file in "$root/boot/config-$release" "$root/lib/modules/$release/config"; do
      [ -r "$file" ] && config=$(cat "$file") && break
    done
    [ -n "$config" ] || [ ! -r "$root/proc/config.gz" ] || config=$(gzip -dc < "$root/proc/config.gz" 2>/dev/null)
    if [ -n "$config" ]; then
      printf '$ cat /boot/config-%s\n' "$shown"
      for symbol in $config_symbols; do
        printf '%s\n' "$config" | grep -E "^($symbol=[ymn]$|# $symbol is not set)" || printf '# %s is not here\n' "$symbol"
      done
    fi
  fi
  if [ -r "$root/proc/cmdline" ]; then
    printf '$ cat /proc/cmdline\n'
    awk -v names="$parameter_names" -v words="$parameter_words" "$keep_parameters" "$root/proc/cmdline" | leave_out
  fi
}

system() {
  if [ -r "$root/proc/cpuinfo" ]; then
    printf '$ cat /proc/cpuinfo\n'
    awk '/^[ \t]*$/ { exit }
      /^(vendor_id|cpu family|model|model name|CPU implementer|cpu|isa|uarch)[ \t]*:/ { print }
      /^flags[ \t]*:/ && / hypervisor( |$)/ { print "flags\t\t: hypervisor" }' "$root/proc/cpuinfo" | leave_out
  fi
  for file in sys_vendor product_name; do show_file "/sys/class/dmi/id/$file" | leave_out; done
  show_file /sys/hypervisor/type
  show_file /proc/xen/capabilities
  if [ -r "$root/proc/iomem" ]; then
    printf '$ cat /proc/iomem\n'
    grep -E '^[0-9a-f]+-[0-9a-f]+ : PCI Bus [0-9a-f]+:[0-9a-f]{2}$' "$root/proc/iomem"
  fi
  for folder in /sys/class/iommu /sys/kernel/iommu_groups /sys/bus/vmbus/devices; do
    [ -d "$root$folder" ] || continue
    printf '$ cd %s\n' "$folder"
    count=0
    for entry in "$root$folder"/*; do
      [ -e "$entry" ] || [ -L "$entry" ] || continue
      count=$((count + 1))
      name=@{entry##*/}
      case $folder in */vmbus/devices) name=$count ;; esac
      printf '%s/\n' "$name"
      [ ! -r "$entry/type" ] || { read -r value < "$entry/type" && printf '%s/type: %s\n' "$name" "$value"; } 2>/dev/null
    done
  done
  for module in ${Object.keys(MODULES).join(" ")}; do
    [ -d "$root/sys/module/$module" ] || continue
    printf '$ cd /sys/module/%s\n' "$module"
    for file in version ${[...new Set(Object.values(MODULES).flat())].map((name) => `parameters/${name}`).join(" ")}; do
      [ ! -r "$root/sys/module/$module/$file" ] || { read -r value < "$root/sys/module/$module/$file" && printf '%s: %s\n' "$file" "$value"; } 2>/dev/null
    done
  done
}

# The folder of a function, and its path below sys/.
locate() {
  if [ -L "$1" ]; then
    dir=$(cd -P "$1" 2>/dev/null && pwd) || return 1
    path=@{dir#"$real"}
    case $path in /sys/devices/*) ;; *) return 1 ;; esac
  else
    dir=$1
    path=/sys/bus/pci/devices/@{1##*/}
  fi
}

functions() {
  for entry in "$root"/sys/bus/pci/devices/*; do
    [ -e "$entry" ] && locate "$entry" || continue
    printf '$ cd %s\n' "$path"
    for file in vendor device class numa_node dma_mask_bits p2pmem/size p2pmem/available p2pmem/published; do
      [ ! -r "$dir/$file" ] || { read -r value < "$dir/$file" && printf '%s: %s\n' "$file" "$value"; } 2>/dev/null
    done
    [ ! -r "$dir/resource" ] || while read -r value; do printf 'resource: %s\n' "$value"; done < "$dir/resource"
    for link in driver iommu_group physfn; do
      if [ -L "$dir/$link" ]; then
        target=$(readlink "$dir/$link")
        printf '%s -> %s\n' "$link" "@{target##*/}"
      elif [ -e "$dir/$link" ]; then
        printf '%s/\n' "$link"
      fi
    done
    for folder in "$dir" "$dir"/virtio[0-9]*; do
      [ -d "$folder" ] || continue
      below=@{folder#"$dir"}
      below=@{below#/}
      for kind in nvme infiniband net drm accel; do
        [ -d "$folder/$kind" ] || continue
        for name in "$folder/$kind"/*; do
          name=@{name##*/}
          ! is_kernel_name "$name" || printf '%s\n' "@{below:+$below/}$kind/$name/"
        done
      done
    done
  done
}

config_spaces() {
  printf '$ lspci -Dnxxxx\n'
  for entry in "$root"/sys/bus/pci/devices/*; do
    [ -e "$entry" ] && locate "$entry" || continue
    [ -r "$dir/config" ] || continue
    class= vendor= device=
    { read -r class < "$dir/class"; read -r vendor < "$dir/vendor"; read -r device < "$dir/device"; } 2>/dev/null
    class=@{class#0x}
    printf '%s %s: %s:%s\n' "@{entry##*/}" "@{class%??}" "@{vendor#0x}" "@{device#0x}"
    od -A n -v -t x1 -N 4096 "$dir/config" 2>/dev/null | awk "$clean_config"
    printf '\n'
  done
}

# For people to read, and for peerlane where the text was changed on its way.
texts() {
  [ -z "$root" ] || return 0
  if command -v lspci >/dev/null; then
    printf '$ lspci -Dvvvnn\n'
    lspci -Dvvvnn 2>/dev/null | awk "$clean_lspci" | leave_out
  fi
  printf '$ dmesg\n'
  dmesg 2>/dev/null | grep -E 'DMAR|AMD-Vi|iommu: |Hypervisor detected|pci_p2pdma|peer-to-peer|disable_acs_redir|config_acs|ACS' | grep -Ev 'Adding to iommu group' | tail -n 80 | leave_out
}

body=$(
  printf '%s\n' '${HEAD_MARK}: the whole of it is read by: peerlane FILE' \
    '# left out: serial numbers, product data, MAC addresses, host and user names'
  kernel
  system
  functions
  config_spaces
  texts
)
printf '%s\n' "$body"
# What shows whether the text was cut or changed on its way; small systems have no cksum.
if command -v cksum >/dev/null; then
  sum="cksum $(printf '%s\n' "$body" | cksum)"
else
  sum="wc $(printf '%s\n' "$body" | wc -l) $(printf '%s\n' "$body" | wc -c)"
fi
printf '${END_MARK} %s\n' "$sum"
`.replaceAll("@{", "${");
}
