package libos

func processCalls() []call { return nil }
func signalCalls() []call  { return nil }
