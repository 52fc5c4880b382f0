// Runs a program, and all that it starts, with a wall clock that is ahead of the node's by the seconds in a file, which
// may change at any time: clock FILE PROGRAM NAME ARGUMENTS. The kernel asks this program for each answer (seccomp
// notifications), so PROGRAM must make system calls for the time: its words for the kernel's shared page are altered.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
	perror(what);
	exit(97);
}

static long ahead(const char *path) {
	char text[32] = "";
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0) return 0;
	if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
	close(file);
	return atol(text);
}

static int take_listener(int from) {
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) < 1) exit(0);
	int listener;
	memcpy(&listener, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof listener);
	return listener;
}

static void give_listener(int to, int listener) {
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &listener, sizeof listener);
	if (sendmsg(to, &message, 0) < 1) fail("sendmsg");
}

// Answers until no process is left that may ask.
static void answer(int listener, const char *path) {
	for (;;) {
		struct pollfd source = {listener, POLLIN, 0};
		if (poll(&source, 1, -1) < 0 && errno == EINTR) continue;
		if (!(source.revents & POLLIN)) exit(0);
		struct seccomp_notif asked;
		memset(&asked, 0, sizeof asked);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) continue;
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		now.tv_sec += ahead(path);
		struct iovec own = {&now, sizeof now}, its = {(void *)asked.data.args[1], sizeof now};
		struct seccomp_notif_resp told = {.id = asked.id};
		if (process_vm_writev(asked.pid, &own, 1, &its, 1, 0) < 0) told.error = -EFAULT;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &told);
	}
}

int main(int count, char **words) {
	if (count < 4) return 96;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("socketpair");
	if (fork() == 0) {
		// Its own session, and nobody's output.
		if (fork() != 0) _exit(0);
		setsid();
		int listener = take_listener(pair[1]);
		int none = open("/dev/null", O_RDWR);
		for (int to = 0; to < 3; to++) dup2(none, to);
		close(pair[0]);
		write(pair[1], "", 1);
		answer(listener, words[1]);
	}
	close(pair[1]);
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLOCK_REALTIME, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("no_new_privs");
	int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0) fail("seccomp");
	give_listener(pair[0], listener);
	char byte;
	if (read(pair[0], &byte, 1) != 1) fail("nobody answers");
	close(listener);
	close(pair[0]);
	execv(words[2], words + 3);
	fail(words[2]);
}
