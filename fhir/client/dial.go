package client

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// dial connects to a host whose name has been allowed. Of any but the FHIR server, each address is looked at when the connection is made:
// what its name meant before does not matter.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if c.base == nil || strings.ToLower(address) != hostPort(c.base) {
		dialer.Control = func(_, resolved string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(resolved); err != nil || !c.mayReach(at.Addr()) {
				return refusal{"its host is in a private network that is not among those that are allowed"}
			}
			return nil
		}
	}
	return dialer.DialContext(ctx, network, address)
}

// IsLoopback reports whether a host, a name or an IP address without a port, is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// special are the networks that are not of the public internet (IANA's special-purpose address registries, RFC 6890), but for those that
// netip knows by itself, and those in which an IPv4 address is hidden.
var special = func() (list []netip.Prefix) {
	for _, prefix := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(prefix))
	}
	return list
}()

// mayReach reports whether an address is public, or in a network that is allowed.
func (c *Client) mayReach(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, network := range c.config.Networks {
		if network.Contains(address) {
			return true
		}
	}
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(address) {
			return false
		}
	}
	return true
}
