package config

var (
	vpcRule    = rule{"the id of a VPC, vpc-…", pattern(`^vpc-[0-9a-f]{8,17}$`), quote}
	subnetRule = rule{"the id of a subnet, subnet-…", pattern(`^subnet-[0-9a-f]{8,17}$`), quote}
	groupRule  = rule{"the id of a security group, sg-…", pattern(`^sg-[0-9a-f]{8,17}$`), quote}
)

// What Lambda takes (VpcConfig in its API reference).
const (
	maxSubnets = 16
	maxGroups  = 5
)

// network is nil when there is none: then the functions stand outside of any VPC.
func (l *loader) network(f field) *Network {
	o := f.object("vpcId", "subnetIds", "securityGroupIds")
	if f.node == nil {
		return nil
	}
	n := &Network{VPCID: o.optional("vpcId").match(vpcRule)}
	subnets, groups := once("entry"), once("entry")
	for _, s := range o.required("subnetIds").list(1, maxSubnets, "1 to 16 subnet ids, two or more in different zones at best") {
		id := s.match(subnetRule)
		subnets.see(s, id)
		n.SubnetIDs = append(n.SubnetIDs, id)
	}
	for _, g := range o.optional("securityGroupIds").list(1, maxGroups, "1 to 5 security group ids, or no such field") {
		id := g.match(groupRule)
		groups.see(g, id)
		n.SecurityGroupIDs = append(n.SecurityGroupIDs, id)
	}
	if v := o.optional("vpcId"); v.node == nil && o.optional("securityGroupIds").node == nil && len(o.members) > 0 {
		v.problem("nothing", "the VPC's id, so that a security group is made there; or name securityGroupIds")
	}
	return n
}
