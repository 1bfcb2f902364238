package vmm

// xsaveArea is what KVM_GET_XSAVE writes; the components that a guest may see
// (AMX is not among them) all lie in it.
const xsaveArea = 4096

// XState gives the extended state (x87, SSE, AVX and so on) of the stopped
// guest as XSAVE writes it in the standard format (Intel SDM vol. 1, 13.4),
// XSaveSize bytes of Host; components at rest have their initial values. The
// bytes are valid until the next call of XState.
func (c *CPU) XState() ([]byte, error) {
	if c.xstate == nil {
		c.xstate = make([]byte, xsaveArea)
	}
	if err := c.vcpu.GetXSAVE(c.xstate); err != nil {
		return nil, err
	}
	return c.xstate[:min(c.m.host.XSaveSize, xsaveArea)], nil
}

// SetXState sets it. The area must be one that XRSTOR takes: KVM refuses
// components that the guest does not have, and reserved bits of MXCSR.
func (c *CPU) SetXState(area []byte) error {
	full := make([]byte, xsaveArea)
	copy(full, area)
	return c.vcpu.SetXSAVE(full)
}
