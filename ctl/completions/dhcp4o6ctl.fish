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
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -s V -l version -d 'Print version'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "status" -d 'Show all links, and all roles, in tables'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "show" -d 'Show everything about a link or a role, and what came from where'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "explain" -d 'Say step by step why a link has IPv4 or not, or a role works or not, where it stops, and what to do'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "monitor" -d 'Follow what happens, until interrupted'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "counters" -d 'Show how many datagrams were sent, received, and not used, by reason'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "renew" -d 'Extend the IPv4 lease now'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "rebind" -d 'Extend the IPv4 lease now, by any server'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "release" -d 'Give the IPv4 lease back; IPv4 stays off until `up`, `restart` or `renew`'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "restart" -d 'Begin again from DHCPv6, keeping what is installed if it proves valid'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "up" -d 'Run the link again after `down`'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "down" -d 'Stop the link; leases are given back or kept as configured'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "leases" -d 'Show the leases that the provider\'s server gave'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "pools" -d 'Show how full the pools of the provider\'s server are'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "select-test" -d 'Say which subnet and address a query would get from the provider\'s server, and why'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "revoke" -d 'End the leases of an address; its client is refused when it renews'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "reservations" -d 'Show the addresses that operators reserved with `reserve`'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "reserve" -d 'Keep an IPv4 address for one client'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "unreserve" -d 'Take back what `reserve` did'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_needs_command" -f -a "names" -d 'Print the names of links and roles, one a line; shell completions ask for that'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s p -l properties -d 'Show every change of a property, too'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s a -l all -d 'Show counters that are zero, too'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s t -l timeout -d 'Wait this long at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s w -l wait -d 'Wait for the outcome; without this, return when it has begun'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s s -l state -d 'Only those in this state: bound, expired, released or declined' -r -f -a "bound\t''
expired\t''
released\t''
declined\t''"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s a -l after -d 'Begin after the lease of this address' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s l -l limit -d 'Show this many at most' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand leases" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand pools" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand pools" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand pools" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand pools" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s i -l interface -d 'The interface it would come in by; any served one when left out' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s s -l source -d 'The client\'s IPv6 address; link-local when left out' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l agent -l cra6addr -d 'A client relay agent: the query comes from it by port 67 or, with --giaddr, has it in CRA6ADDR' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l giaddr -d 'An IPv4 relay agent, or IPv6-transport relay agent, that the query passed' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l link-selection -d 'What that one says of the link (sub-option 5 of option 82)' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s a -l link-address -d 'Link-address of the relay agent next to the client' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l interface-id -d 'Interface-id of that relay agent, with --giaddr its circuit-id: text, or `hex:` and hexadecimal digits' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s c -l client-id -d 'The client\'s DHCPv4 client identifier (option 61), in hexadecimal digits' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l hardware -d 'The Ethernet address of a client without client identifier' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s r -l requested -d 'The address the client asks for (option 50)' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l subnet-selection -d 'The subnet the client asks for (option 118)' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -l shared -d 'The client can use a part of an address\'s ports (RFC 7618)'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand select-test" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand revoke" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand revoke" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand revoke" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand revoke" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reservations" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reservations" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reservations" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reservations" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -l client-id -d 'For the client with this DHCPv4 client identifier (option 61), in hexadecimal digits' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -l duid -d 'For the host with this DUID, in hexadecimal digits' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -l circuit -d 'For whoever is behind this interface-id of a relay agent: text, or `hex:` and hexadecimal digits' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -l hardware -d 'For the client with this Ethernet address and no client identifier' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand reserve" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand unreserve" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand unreserve" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand unreserve" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand unreserve" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand names" -s b -l bus -d 'The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand names" -s n -l namespace -d 'The network namespace of LINK or NAME, where those of one name exist in several' -r
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand names" -s j -l json -d 'Print JSON'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand names" -s h -l help -d 'Print help'
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand show" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand explain" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand monitor" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand counters" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand renew" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand rebind" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand release" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand restart" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand up" -f -a "(dhcp4o6ctl names 2>/dev/null)"
complete -c dhcp4o6ctl -n "__fish_dhcp4o6ctl_using_subcommand down" -f -a "(dhcp4o6ctl names 2>/dev/null)"
