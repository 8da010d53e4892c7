package infinispan

// The methods of this file look at and change a double without a call, at once,
// so that they also work where there is no network (see Handler).

// Reset makes every site as it was at first, and forgets faults and calls.
func (d *Double) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut, d.held = map[link]bool{}, false
	for _, s := range d.sites {
		s.running, s.password, s.faults, s.calls, s.state = true, d.opt.Password, nil, nil, d.freshState()
	}
}

// Forget is a restart of a site that takes no time: what it had taken offline
// is online again.
func (d *Double) Forget(site string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mustSite(site).state = d.freshState()
}

// Status is what BackupStatus says.
func (d *Double) Status(site, other string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.backupOf(d.mustSite(site), other).Status
}

// Switch makes the backup Online, Offline or Mixed (one cache offline).
func (d *Double) Switch(site, other, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.mustSite(site)
	for i, cache := range d.opt.Caches {
		s.offline[d.mustSite(other).name][cache] = status == Offline || status == Mixed && i == 0
	}
}

// Sees reports whether two sites reach each other.
func (d *Double) Sees(site, other string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sees(d.mustSite(site), other)
}
