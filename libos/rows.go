package libos

func memoryCalls() []call  { return nil }
func timeCalls() []call    { return nil }
func processCalls() []call { return nil }
func signalCalls() []call  { return nil }
func randomCalls() []call  { return nil }
