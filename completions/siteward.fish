# Made by siteward's tests/written from its command line; do not edit.
# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_siteward_global_optspecs
    string join \n config-dir= runtime-dir= log-dir= link-dir= as= timeout= q/quiet v/verbose h/help V/version
end

function __fish_siteward_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_siteward_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_siteward_using_subcommand
    set -l cmd (__fish_siteward_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c siteward -n "__fish_siteward_needs_command" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_needs_command" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_needs_command" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_needs_command" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_needs_command" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_needs_command" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_needs_command" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_needs_command" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_needs_command" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "start" -d 'Start the site and wait until every process is ready'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "stop" -d 'Stop the site: in reverse order, then SIGTERM, then SIGKILL; succeeds only if nothing of it lives'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "status" -d 'Show how a site is, or all sites: state, processes, disk, and the last failure'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "monitor" -d 'Look at the site once, and answer by the exit code; `status` shows more'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "check" -d 'The same as `monitor`, by the name that Clusterware uses'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "clean" -d 'Kill every process of the site at once, without a graceful stop; succeeds only if none is left'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "run" -d 'Run the site in the foreground; SIGTERM stops it in order'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "watch" -d 'Watch the site, and exit as soon as it is not well'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "validate-all" -d 'Check definitions, also in files that are not installed, and whether this node can run the site'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "meta-data" -d 'Print the OCF meta-data of the Pacemaker agent'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "pause" -d 'Stop the processes and keep the supervisor, so that the cluster manager sees a healthy site'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "resume" -d 'Start the processes of a paused site again'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "adopt" -d 'Start a new supervisor for a site whose supervisor was killed, without a restart of its processes'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "reload" -d 'Tell each process that has a `reload` in the definition to read its configuration again'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "create" -d 'Create a site: its definition, its database directory and a link to that directory'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "explain" -d 'Explain a message, a state, an exit code or a key of the definition'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "generate" -d 'Print the configuration that adds the site to a cluster manager or to systemd'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "history" -d 'Show what happened to the site, on every node: when, why, by whose order, and how long it took'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "timing" -d 'Compute how long a failover takes: at worst, usually, and which number to change first'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "metrics" -d 'Print the state of all sites as numbers, in the text format of OpenMetrics and Prometheus'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "work" -d 'Show the work that a failover interrupted and that nobody has decided on, or decide on it'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "holders" -d 'List the processes that use the site\'s database'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "logs" -d 'Print what the processes and the supervisor of the site have printed, merged by time'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "report" -d 'Write a page of HTML about what happened to the site: a timeline, outages, faults, starts'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "timeline" -d 'Draw in the terminal what happened to the site, on every node'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "doctor" -d 'Find what would break the site at its next start or failover'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "list" -d 'List all sites that are defined on this node'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "rehearse" -d 'Act as the cluster manager: start, kill and stop a site, and check every answer'
complete -c siteward -n "__fish_siteward_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c siteward -n "__fish_siteward_using_subcommand start" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand start" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand start" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand start" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand start" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand start" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand start" -l no-wait -d 'Return as soon as the order is under way; see the result with `status`'
complete -c siteward -n "__fish_siteward_using_subcommand start" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand start" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand start" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand stop" -l no-wait -d 'Return as soon as the order is under way; see the result with `status`'
complete -c siteward -n "__fish_siteward_using_subcommand stop" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand stop" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand stop" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand status" -l level -d '0: ask the supervisor; 10: also check that each process lives; 20: also run each health check' -r
complete -c siteward -n "__fish_siteward_using_subcommand status" -l watch -d 'Draw it again every second, or as often as given, and at once when the site is not well any more. The CPU is then the mean since the last drawing, and else since the process was started' -r
complete -c siteward -n "__fish_siteward_using_subcommand status" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand status" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand status" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand status" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand status" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand status" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand status" -l explain -d 'Also print how the processes are tracked on this node, and how the last stop was proved'
complete -c siteward -n "__fish_siteward_using_subcommand status" -l json -d 'Print one JSON object for each site'
complete -c siteward -n "__fish_siteward_using_subcommand status" -l clear-failure -d 'Do not show the last failure any more; the history keeps it'
complete -c siteward -n "__fish_siteward_using_subcommand status" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand status" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand status" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l level -d '0: ask the supervisor; 10: also check that each process lives; 20: also run each health check' -r
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -l explain -d 'Also print how the processes are tracked on this node, and how the last stop was proved'
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand check" -l level -d '0: ask the supervisor; 10: also check that each process lives; 20: also run each health check' -r
complete -c siteward -n "__fish_siteward_using_subcommand check" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand check" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand check" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand check" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand check" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand check" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand check" -l explain -d 'Also print how the processes are tracked on this node, and how the last stop was proved'
complete -c siteward -n "__fish_siteward_using_subcommand check" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand check" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand check" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand clean" -l break-lease -d 'Also break the lease that another node has on the database; only if that node is certainly off'
complete -c siteward -n "__fish_siteward_using_subcommand clean" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand clean" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand clean" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand run" -l maintenance-flag -d 'While this file exists, do not exit when the site fails; exit once it is removed' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand run" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand run" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand run" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand run" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand run" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand run" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand run" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand run" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand run" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l maintenance-flag -d 'While this file exists, ignore the state of the site' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand watch" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand watch" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand watch" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand watch" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l level -d '0: check the definition only; 10: also the programs, users and directories of this node [default: 10, and 0 with a file]' -r
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -l json -d 'Print one JSON object for each definition'
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand meta-data" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l reason -d 'The reason, which `status` shows' -r
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l until -d 'The planned end, which `status` shows: a time like 18:00 or "2026-11-21 18:00", or a duration like 2h. The site stays paused until `resume`' -r
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l drain -d 'First stop new work, by `drain` of the definition, and wait until what runs has ended, at most for the time limit of the command, or that of `drain`; else the site is left as it was'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l anyway -d 'With --drain: pause the site even if its work does not end in its time'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -l no-wait -d 'Return as soon as the order is under way; see the result with `status`'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand pause" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand resume" -l no-wait -d 'Return as soon as the order is under way; see the result with `status`'
complete -c siteward -n "__fish_siteward_using_subcommand resume" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand resume" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand resume" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand reload" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand reload" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand reload" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand reload" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand create" -l database -d 'Its database directory, which is made if it does not exist' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l site -d 'Its virtual host name [default: SITE]' -r
complete -c siteward -n "__fish_siteward_using_subcommand create" -l machine-id -d 'Its machine ID; `create` needs it for a site of JobCenter' -r
complete -c siteward -n "__fish_siteward_using_subcommand create" -l address -d 'Its relocatable IP address, which must be on this node now' -r
complete -c siteward -n "__fish_siteward_using_subcommand create" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand create" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand create" -l jobcenter -d 'Its supervisor is JobCenter\'s'
complete -c siteward -n "__fish_siteward_using_subcommand create" -l unmounted -d 'Its database is not on a file system of its own that has to be mounted'
complete -c siteward -n "__fish_siteward_using_subcommand create" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand create" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand create" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand explain" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand explain" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand explain" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand explain" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l set -d 'Put this value in the place of a placeholder, like DEVICE=/dev/sdb1; may be given for each of them' -r
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand generate" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand generate" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand generate" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand history" -l since -d 'Only from this time on: how long ago, like 2h, or a time like 14:00, 2026-11-21 or "2026-11-21 18:00"' -r
complete -c siteward -n "__fish_siteward_using_subcommand history" -l node -d 'Only what happened on this node' -r
complete -c siteward -n "__fish_siteward_using_subcommand history" -s n -l lines -d 'Only the last NUMBER entries' -r
complete -c siteward -n "__fish_siteward_using_subcommand history" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand history" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand history" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand history" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand history" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand history" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand history" -l failed -d 'Only what failed, with what followed'
complete -c siteward -n "__fish_siteward_using_subcommand history" -s f -l follow -d 'Go on with what is added, until Ctrl-C'
complete -c siteward -n "__fish_siteward_using_subcommand history" -l json -d 'Print one JSON object for each entry, as it stands in the file'
complete -c siteward -n "__fish_siteward_using_subcommand history" -l interrupted -d 'Show which operations of the definition a start of the service interrupted, and what to run again; exits with 1 if there is one. Also the last takeover after an unclean end: how long nobody served, and what becomes of the jobs of a JobCenter site'
complete -c siteward -n "__fish_siteward_using_subcommand history" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand history" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand history" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l cib -d 'Read Pacemaker\'s configuration from this file, which `cibadmin -Q` has written' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l crsctl -d 'Read the resources of Clusterware from this file, which `crsctl stat res -p` has written' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l package -d 'Read this configuration file of a Serviceguard package' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l resource -d 'Name of the manager\'s resource or package [default: the one that runs the site]' -r
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l script -d 'Compute the times of this action script, which must be the one of JobCenter\'s cluster manual, instead of siteward\'s' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand timing" -l json -d 'Print one JSON object'
complete -c siteward -n "__fish_siteward_using_subcommand timing" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand timing" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand timing" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand timing" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l write -d 'Write them to this file instead, which is replaced as a whole: for node_exporter\'s textfile collector' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand work" -l rerun -d 'Hand this item, by its path as it is shown, or `all`, to the command of `hand_to`; may be given several times' -r
complete -c siteward -n "__fish_siteward_using_subcommand work" -l drop -d 'Do nothing with this item, or `all`; the history keeps it; may be given several times' -r
complete -c siteward -n "__fish_siteward_using_subcommand work" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand work" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand work" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand work" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand work" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand work" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand work" -l json -d 'Print one JSON object for each item'
complete -c siteward -n "__fish_siteward_using_subcommand work" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand work" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand work" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand work" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand holders" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand holders" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand holders" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand holders" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand holders" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s n -l tail -d 'Print the last lines only: N of all processes together, or `all` [default: 100, but all with --since and --last-run]' -r
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l since -d 'Print what was printed since then: a duration like 2h, or a time like 14:00 or "2026-11-26 10:00". Lines have no time of their own: up to 5 seconds too much may be printed, more where no supervisor ran, and for times long ago' -r
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s f -l follow -d 'Continue with each line that is printed, also across restarts, until Ctrl-C'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l last-run -d 'Print what the process that died last had printed in the run that died; of each PROCESS that is named, the run that died last, else the run that ended last'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -l no-prefix -d 'Do not print the name of the process before each line'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand logs" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand report" -s o -l output -d 'The file to write; `-` is standard output [default: SITE-DATE.html in the current directory]' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand report" -l since -d 'Leave out what was over before that time: a duration like 2h, or a time like 14:00, 2026-11-26 or "2026-11-26 14:00" [default: the whole history]' -r
complete -c siteward -n "__fish_siteward_using_subcommand report" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand report" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand report" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand report" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand report" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand report" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand report" -l force -d 'Replace the file if it exists'
complete -c siteward -n "__fish_siteward_using_subcommand report" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand report" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand report" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l since -d 'Leave out what was over before that time: a duration like 2h, or a time like 14:00, 2026-11-26 or "2026-11-26 14:00" [default: the whole history]' -r
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l compare -d 'Print the differences between the exported facts of nodes. One file alone is compared with this node; `-` stands for this node among others' -r -F
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l here -d 'Also check the disk and the address, as this node is to run the site now. Without it they are only checked where the site is up'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l json -d 'Print one JSON object for each site'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -l export -d 'Print the facts of this node that must be the same on every node, without secrets. On another node: ssh node2 siteward doctor shop --export > node2.json'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand list" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand list" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand list" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand list" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand list" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand list" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand list" -l json -d 'Print one JSON object for each site'
complete -c siteward -n "__fish_siteward_using_subcommand list" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand list" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand list" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l config-dir -d 'Directory of the definitions [default for root: /etc/siteward/sites]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l runtime-dir -d 'Runtime directory, for sockets, locks and state files [default for root: /run/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l log-dir -d 'Directory of the logs [default for root: /var/log/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l link-dir -d 'Directory of the links to databases [default for root: /var/lib/siteward]' -r -f -a "(__fish_complete_directories)"
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l as -d 'Use the exit codes and messages of this cluster manager [default: the one that calls]' -r -f -a "pacemaker\t'Pacemaker: the codes of an OCF resource agent'
clusterware\t'Oracle Clusterware: the codes of an action script'
serviceguard\t'HPE Serviceguard: the codes of an external script'
expresscluster\t'NEC ExpressCluster: the codes of its scripts and monitors'
hand\t'No cluster manager: the codes of an LSB init script'
all\t'Each of them in turn, for `rehearse` only'"
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l timeout -d 'Time limit of the command, like 90s or 3m [default: the manager\'s, else the definition\'s]' -r
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l json -d 'Print one JSON object for each step'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -l yes -d 'Do not ask for confirmation before a site of your own is killed'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -s q -l quiet -d 'Print nothing on success'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -s v -l verbose -d 'Print more; given twice, also debug messages'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -s V -l version -d 'Print version'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "start" -d 'Start the site and wait until every process is ready'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "stop" -d 'Stop the site: in reverse order, then SIGTERM, then SIGKILL; succeeds only if nothing of it lives'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "status" -d 'Show how a site is, or all sites: state, processes, disk, and the last failure'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "monitor" -d 'Look at the site once, and answer by the exit code; `status` shows more'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "check" -d 'The same as `monitor`, by the name that Clusterware uses'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "clean" -d 'Kill every process of the site at once, without a graceful stop; succeeds only if none is left'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "run" -d 'Run the site in the foreground; SIGTERM stops it in order'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "watch" -d 'Watch the site, and exit as soon as it is not well'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "validate-all" -d 'Check definitions, also in files that are not installed, and whether this node can run the site'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "meta-data" -d 'Print the OCF meta-data of the Pacemaker agent'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "pause" -d 'Stop the processes and keep the supervisor, so that the cluster manager sees a healthy site'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "resume" -d 'Start the processes of a paused site again'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "adopt" -d 'Start a new supervisor for a site whose supervisor was killed, without a restart of its processes'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "reload" -d 'Tell each process that has a `reload` in the definition to read its configuration again'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "create" -d 'Create a site: its definition, its database directory and a link to that directory'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "explain" -d 'Explain a message, a state, an exit code or a key of the definition'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "generate" -d 'Print the configuration that adds the site to a cluster manager or to systemd'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "history" -d 'Show what happened to the site, on every node: when, why, by whose order, and how long it took'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "timing" -d 'Compute how long a failover takes: at worst, usually, and which number to change first'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "metrics" -d 'Print the state of all sites as numbers, in the text format of OpenMetrics and Prometheus'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "work" -d 'Show the work that a failover interrupted and that nobody has decided on, or decide on it'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "holders" -d 'List the processes that use the site\'s database'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "logs" -d 'Print what the processes and the supervisor of the site have printed, merged by time'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "report" -d 'Write a page of HTML about what happened to the site: a timeline, outages, faults, starts'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "timeline" -d 'Draw in the terminal what happened to the site, on every node'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "doctor" -d 'Find what would break the site at its next start or failover'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "list" -d 'List all sites that are defined on this node'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "rehearse" -d 'Act as the cluster manager: start, kill and stop a site, and check every answer'
complete -c siteward -n "__fish_siteward_using_subcommand help; and not __fish_seen_subcommand_from start stop status monitor check clean run watch validate-all meta-data pause resume adopt reload create explain generate history timing metrics work holders logs report timeline doctor list rehearse help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'

# The names of the sites that are defined in the directory that the line names.
function __fish_siteward_sites
    siteward defined-sites (commandline -opc) 2>/dev/null
end

complete -c siteward -n "__fish_siteward_using_subcommand start" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand stop" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand status" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand monitor" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand check" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand clean" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand run" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand watch" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand validate-all" -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand pause" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand resume" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand adopt" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand reload" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand generate" -f -a "pacemaker-pcs pacemaker-crm clusterware serviceguard serviceguard-legacy expresscluster powerha systemd"
complete -c siteward -n "__fish_siteward_using_subcommand generate" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand history" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand timing" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand metrics" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand work" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand holders" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand logs" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand report" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand timeline" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand doctor" -f -a "(__fish_siteward_sites)" -d Site
complete -c siteward -n "__fish_siteward_using_subcommand rehearse" -f -a "(__fish_siteward_sites)" -d Site
