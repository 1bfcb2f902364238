package main

import (
	"fmt"
	"os"
	"strings"
)

// reportingOrder is the least order of free pages that a guest kernel reports to
// its host, which takes them back (Linux: mm/page_reporting.c). Beyond
// MAX_PAGE_ORDER, 10, none is.
const (
	reportingOrder = "/sys/module/page_reporting/parameters/page_reporting_order"
	reportNone     = "11"
)

// keepFreePages stops the kernel from giving free pages back to the host of this
// virtual machine, and returns what makes it go on. The rounds of giving back
// come every two seconds and take whole huge pages, also those that were freed
// an instant ago: a first touch that follows then measures the host, sixfold
// for huge pages and not at all for small ones, which are no whole ones. What
// is measured is a program and what it runs in, so this holds for all of it.
// Without such a host there is nothing to stop.
func keepFreePages() (restore func() error, err error) {
	was, err := os.ReadFile(reportingOrder)
	if os.IsNotExist(err) {
		return func() error { return nil }, nil
	}
	if err == nil {
		err = os.WriteFile(reportingOrder, []byte(reportNone), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("stop the giving back of free pages to the host: %w: run the bench as root", err)
	}
	return func() error { return os.WriteFile(reportingOrder, []byte(strings.TrimSpace(string(was))), 0) }, nil
}
