# Boots the test kernel under QEMU and talks to it over its serial port. Sourced by scripts/demo and scripts/bench.
#   guest_boot DIR VARIANT MEMORY VCPUS share|private    sets guest_pid; sockets: DIR/qmp.sock DIR/gdb.sock
#   guest_ask 'JSON'                                      prints the answer line
#   guest_end                                             ends QEMU, by pid
guest_pid=

guest_boot() {
  local dir=$1 variant=$2 memory=$3 vcpus=$4 backing=$5 line
  local share=off; [ "$backing" = share ] && share=on
  mkfifo "$dir/serial.in" "$dir/serial.out"
  "${QEMU:-qemu-system-x86_64}" -machine q35,memory-backend=ram -accel tcg -m "$memory" -smp "$vcpus" \
    -object "memory-backend-memfd,id=ram,size=$memory,share=$share" \
    -kernel "Tests/Guest/build/$variant/kernel.elf" -display none -nodefaults -no-user-config -no-reboot \
    -chardev "pipe,id=serial,path=$dir/serial" -serial chardev:serial \
    -qmp "unix:$dir/qmp.sock,server=on,wait=off" -gdb "unix:$dir/gdb.sock,server=on,wait=off" \
    </dev/null >"$dir/qemu.log" 2>&1 &
  guest_pid=$!
  exec {guest_to}<>"$dir/serial.in" {guest_from}<>"$dir/serial.out"
  while :; do
    if ! read -r -t 60 -u "$guest_from" line; then
      echo "the test kernel did not come up within 60 s; QEMU said:" >&2
      tail -n 5 "$dir/qemu.log" >&2
      return 1
    fi
    [[ $line == *'"ready"'* ]] && return 0
  done
}

guest_ask() {
  local answer
  printf '%s\n' "$1" >&"$guest_to"
  read -r -t 60 -u "$guest_from" answer || { echo "the test kernel did not answer $1 within 60 s" >&2; return 1; }
  printf '%s\n' "$answer"
}

guest_end() {
  [ -n "$guest_pid" ] || return 0
  kill "$guest_pid" 2>/dev/null || true
  wait "$guest_pid" 2>/dev/null || true
  guest_pid=
}
