#!/usr/bin/env bash
# Prints the lines of gcloud that make a VM at Google with both services on it, and those that delete it again.
#
# Usage: deploy/gcp.sh --allow ADDRESS [--name NAME] [--zone ZONE] [--machine TYPE] [--front] [--run]
#        deploy/gcp.sh --delete [--name NAME] [--zone ZONE] [--run]
#
#   --allow ADDRESS   the IPv4 address of the laptop, or its network (198.51.100.0/24): no other reaches the services
#   --name NAME       of the VM, of its firewall rule and of its tag (libros)
#   --zone ZONE       where the VM stands (europe-west1-b)
#   --machine TYPE    how large it is (e2-standard-2: 2 processors, 8 GB)
#   --front           put nginx before the services
#   --delete          print the lines that delete all of it
#   --run             run the lines as well; the VM then costs money until it is deleted
#
# The VM sets itself up at its first boot with deploy/install.sh: gcp.sh writes NAME.startup for that, a script which holds
# the project, into the folder it is called in. The lines are for the project that gcloud is set to.
# Exit 0: done; 3: it could not be done; 64: usage.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null) || SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
PROJECT=$(cd "$(dirname "$SELF")/.." && pwd)

# shellcheck source=deploy/addresses.sh
. "$PROJECT/deploy/addresses.sh"
# shellcheck source=deploy/service_files.sh
. "$PROJECT/deploy/service_files.sh"

NAME=libros ZONE=europe-west1-b MACHINE=e2-standard-2
ADDRESS='' FRONT='' DELETE='' RUN=''
LARGEST_SCRIPT=262144 # bytes of one value of a VM's metadata
VM_LOG=/root/libros/setup.log VM_DONE=/root/libros/done

main() {
  read_arguments "$@"
  if [[ -n $RUN ]]; then command -v gcloud >/dev/null || refuse "--run needs gcloud: install it, or leave --run out"; fi
  if [[ -n $DELETE ]]; then
    delete_all
    return
  fi
  write_startup_script
  make_vm
  say_what_next
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
}

refuse() {
  echo "gcp.sh: $1" >&2
  exit "${2:-3}"
}

read_arguments() {
  while (($#)); do
    case $1 in
    -h | --help) usage && exit ;;
    --run) RUN=yes ;;
    --delete) DELETE=yes ;;
    --front) FRONT=--front ;;
    --allow | --name | --zone | --machine)
      [[ -n ${2:-} ]] || refuse "$1 needs a value; see --help" 64
      take_value "$1" "$2"
      shift
      ;;
    *) refuse "unknown option '$1'; see --help" 64 ;;
    esac
    shift
  done
  if [[ -n $DELETE ]]; then
    [[ -z $ADDRESS$FRONT ]] || refuse "--delete goes with --name, --zone and --run alone" 64
  elif [[ -z $ADDRESS ]]; then
    refuse "give --allow and the IPv4 address from which your laptop reaches the internet" 64
  fi
}

# Google's rule for names: https://cloud.google.com/compute/docs/naming-resources
take_value() {
  case $1 in
  --allow)
    is_ipv4 "$2" || refuse "--allow is '$2': give an IPv4 address such as 198.51.100.4, or a network such as \
198.51.100.0/24" 64
    ADDRESS=$2
    ;;
  --name)
    [[ $2 =~ ^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || refuse "--name is '$2': give up to 63 of a-z, 0-9 and -, a letter first" 64
    NAME=$2
    ;;
  --zone)
    [[ $2 =~ ^[a-z]+-[a-z]+[0-9]+-[a-z]$ ]] || refuse "--zone is '$2': give one such as europe-west1-b" 64
    ZONE=$2
    ;;
  --machine)
    [[ $2 =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)+$ ]] || refuse "--machine is '$2': give a type such as e2-standard-2" 64
    MACHINE=$2
    ;;
  esac
}

# Google runs it as root at each boot; it sets up once, because somebody may have changed by hand what it has made. What it
# prints may hold the METRICS_TOKEN and goes to a file of root.
write_startup_script() {
  command -v xz >/dev/null || refuse "xz is missing: install it"
  {
    cat <<SCRIPT
#!/bin/bash
# Start-up script of the VM $NAME, made by deploy/gcp.sh: unpacks the project, and sets the services up.
set -Eeuo pipefail
umask 077
mkdir -p /root/libros
exec >>$VM_LOG 2>&1
if [[ -e $VM_DONE ]]; then exit; fi
command -v xz || { apt-get -qq update && apt-get -qq -y -o DPkg::Lock::Timeout=300 install xz-utils; }
sed '1,/^PROJECT:\$/d' "\$0" | base64 --decode | tar -xJ --no-same-owner -C /root/libros
bash /root/libros/deploy/install.sh --allow $ADDRESS $FRONT
touch $VM_DONE
exit
PROJECT:
SCRIPT
    COPYFILE_DISABLE=1 tar -C "$PROJECT" --exclude=__pycache__ -c -f - "${SERVICE_FILES[@]}" | xz -9 | base64 | tr -d '\n'
  } >"$NAME.startup.new"
  mv "$NAME.startup.new" "$NAME.startup"
  (($(wc -c <"$NAME.startup") <= LARGEST_SCRIPT)) ||
    refuse "$NAME.startup has more than the $LARGEST_SCRIPT bytes that a VM takes"
}

make_vm() {
  line gcloud compute firewall-rules create "$NAME" --direction=INGRESS --rules=tcp:5000-5001 --action=ALLOW \
    --source-ranges="$ADDRESS" --target-tags="$NAME"
  line gcloud compute instances create "$NAME" --zone="$ZONE" --machine-type="$MACHINE" \
    --image-family=debian-13 --image-project=debian-cloud --boot-disk-size=20GB --tags="$NAME" \
    --no-service-account --no-scopes --metadata-from-file=startup-script="$NAME.startup"
}

# Each by itself: one of the two may never have been made.
delete_all() {
  local failed=''
  (line gcloud compute instances delete "$NAME" --zone="$ZONE" --quiet) || failed=yes
  (line gcloud compute firewall-rules delete "$NAME" --quiet) || failed=yes
  if [[ -n $failed ]]; then exit 3; fi
}

# Prints a command as it can be typed, and runs it where that was asked for.
line() {
  local words
  words=$(printf ' %q' "$@")
  echo "${words:1}"
  if [[ -z $RUN ]]; then return; fi
  if "$@" </dev/null; then return; fi
  [[ -z $DELETE ]] || refuse "gcloud did not do the last line: see above; what is not there needs no deleting"
  refuse "gcloud did not do the last line; what was made is deleted with: deploy/gcp.sh --delete --name $NAME \
--zone $ZONE --run"
}

say_what_next() {
  local RUN=''
  printf '\n# After about three minutes: how far it is, and at its end the line for the laptop.\n'
  line gcloud compute ssh "$NAME" --zone="$ZONE" --command="sudo tail -n 20 $VM_LOG"
  printf '\n# The address of the VM, for that line.\n'
  line gcloud compute instances describe "$NAME" --zone="$ZONE" \
    --format="value(networkInterfaces[0].accessConfigs[0].natIP)"
  printf '\n# To delete all of it.\n'
  delete_all
}

main "$@"
