# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dhcp4o6ctl_global_optspecs
    string join \n b/bus= n/namespace= j/json h/help V/version
end

function __fish_dhcp4o6ctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dhcp4o6ctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dhcp4o6ctl_using_subcommand
    set -l cmd (__fish_dhcp4o6ctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s V -l version -d 'Print version'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "status" -d 'Show all links in a table'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "show" -d 'Show everything about a link, and what came from where'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "explain" -d 'Say step by step why a link has IPv4 or not, where it stops, and what to do'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "monitor" -d 'Follow what happens, until interrupted'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "counters" -d 'Show how many datagrams were sent, received, and not used, by reason'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "renew" -d 'Extend the IPv4 lease now'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "rebind" -d 'Extend the IPv4 lease now, by any server'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "release" -d 'Give the IPv4 lease back; IPv4 stays off until `up`, `restart` or `renew`'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "restart" -d 'Begin again from DHCPv6, keeping what is installed if it proves valid'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "up" -d 'Run the link again after `down`'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "down" -d 'Stop the link; leases are given back or kept as configured'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s p -l properties -d 'Show every change of a property, too'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s a -l all -d 'Show counters that are zero, too'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s n -l namespace -d 'The network namespace of LINK, where links of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s h -l help -d 'Print help'
